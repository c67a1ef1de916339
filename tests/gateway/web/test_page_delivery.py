"""Results over connections that break in the middle."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.flaky_proxy import FlakyProxy
from tests.gateway.web.test_page_batch import saved
from tests.gateway.web.test_page_network import BROKEN

PLAIN = {"background": "lanczos", "restorer": "none", "output_format": "png"}
CUT_AFTER = 1_000_000


def test_a_delivery_that_breaks_in_the_middle_is_begun_again(
    visit: OpenVisit, gateway: Replica, tmp_path: Path
) -> None:
    """The saved file is whole. The result is larger than what the systems in between take ahead."""
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)).save(noise, "PNG")
    with FlakyProxy(gateway.port) as proxy:
        proxy.cut_after = CUT_AFTER
        made = visit(options=PLAIN, port=proxy.port)
        made.expected.append(BROKEN)
        made.choose({"name": "noise.png", "mimeType": "image/png", "buffer": noise.getvalue()})
        expect(made.alert()).to_contain_text("It is still there")
        proxy.mend()
        made.done()
        with made.page.expect_download() as download:
            made.button("Save").click()
        download.value.save_as(tmp_path / "saved")
    wanted = gateway.client.post("/v1/enhance", files={"file": ("a.png", noise.getvalue())}, data=PLAIN).content
    assert len(wanted) > 5 * CUT_AFTER
    assert (tmp_path / "saved").read_bytes() == wanted
    (task,) = {path.split("/")[3] for _, path in made.asked if path.endswith("/image")}
    assert gateway.state(task)["status"] == "cleaned"
    assert len(made.uploads()) == 1


def test_a_batch_outlives_a_lost_connection(visit: OpenVisit, gateway: Replica, jpeg: bytes, tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(4)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        for name in names:
            writer.writestr(name, jpeg)
    with FlakyProxy(gateway.port) as proxy:
        made = visit(options={"background": "realesrgan"}, port=proxy.port)
        made.expected.append(BROKEN)
        made.choose({"name": "a.zip", "mimeType": "application/zip", "buffer": packed.getvalue()})
        expect(made.page.get_by_role("heading", name=re.compile("^[0-4] of 4$"))).to_be_visible()
        proxy.cut()
        expect(made.alert()).to_contain_text("The connection is lost")
        proxy.mend()
        made.batch_done()
        expect(made.page.get_by_role("heading", name="4 of 4 photos enhanced")).to_be_visible()
        _, files = saved(made, tmp_path)
    assert sorted(files) == [*names, "report.json"]
    assert len(made.uploads()) == 1
