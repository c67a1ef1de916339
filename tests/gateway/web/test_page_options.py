"""Every option of the form can be chosen at the page, reaches the models, and is remembered."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import expect

from limner.options import OPTION_SPECS
from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.flaky_proxy import FlakyProxy
from tests.gateway.web.test_page_compare import enhanced
from tests.gateway.web.visit import Visit, refuse_options

CHOSEN: dict[str, Any] = {
    "enhancement_level": 3,
    "restorer": "none",
    "background": "lanczos",
    "fidelity": 0.75,
    "preserve_identity": False,
    "only_center_face": True,
    "aligned": True,
    "output_format": "webp",
    "quality": 80,
}


def choose_all(visit: Visit) -> None:
    page = visit.page
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Clear or faithful").fill("0.75")
    page.get_by_label("Quality of the file").fill("80")
    page.get_by_label("Size of the result").select_option("3")
    page.get_by_label("Faces").select_option("none")
    page.get_by_label("The rest of the picture").select_option("lanczos")
    page.get_by_label("File format").select_option("webp")
    page.get_by_label("Keep it the same person").uncheck()
    page.get_by_label("Only the face in the middle").check()
    page.get_by_label("The photo is one cut-out face").check()


def test_every_option_is_sent_and_remembered(visit: OpenVisit, gateway: Replica, photo: dict[str, Any]) -> None:
    assert set(CHOSEN) == {spec.name for spec in OPTION_SPECS}
    assert all(CHOSEN[spec.name] != spec.default for spec in OPTION_SPECS)
    with FlakyProxy(gateway.port) as proxy:
        made = visit(options=None, port=proxy.port)
        choose_all(made)
        made.page.reload()
        report = enhanced(made, gateway, photo)
        form = proxy.sent.decode("latin-1")
    expect(made.page.get_by_text("90×100 → 360×400 pixels")).to_be_visible()
    sent = dict(re.findall(r'name="([a-z_]+)"\r\n\r\n([^\r]*)\r\n', form))
    assert sent == {name: json.dumps(value).strip('"') for name, value in CHOSEN.items()}
    assert {name: report["options"][name] for name in CHOSEN} == CHOSEN
    with made.page.expect_download() as download:
        made.button("Save").click()
    assert download.value.suggested_filename.endswith(".webp")


def test_trying_again_takes_the_options_as_they_are_now(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.expected.append("status of 422")
    made.page.route("**/v1/photos", refuse_options, times=1)
    made.choose(photo)
    expect(made.alert()).to_contain_text("Set them back to the defaults")
    made.page.get_by_text("Other options").click()
    made.page.get_by_label("Size of the result").select_option("4")
    made.button("Try again").click()
    expect(made.page.get_by_text("90×100 → 720×800 pixels")).to_be_visible(timeout=60_000)


def test_the_defaults_come_back(visit: OpenVisit) -> None:
    made = visit(options=CHOSEN)
    made.page.get_by_text("Options", exact=True).click()
    expect(made.page.get_by_text("9 changed")).to_be_visible()
    made.button("Back to the defaults").click()
    expect(made.page.get_by_label("Size of the result")).to_have_value("2")
    expect(made.button("Back to the defaults")).to_be_disabled()
    kept = json.loads(made.stored()["limner.options"])
    assert kept == {spec.name: spec.default for spec in OPTION_SPECS}


def test_what_no_model_can_do_cannot_be_chosen(visit: OpenVisit, gateway: Replica) -> None:
    entries = gateway.client.get("/v1/models").json()["models"]
    served = {entry["model"] for entry in entries if entry["available"]}
    made = visit(options=None)
    made.page.get_by_text("Options", exact=True).click()
    expect(made.page.get_by_role("contentinfo").get_by_text("Picture:")).to_be_visible()
    for name in ("gfpgan", "codeformer", "restoreformer"):
        choice = made.page.get_by_label("Faces").locator(f"option[value={name}]")
        assert choice.is_disabled() == (name not in served)
    assert made.page.get_by_label("The rest of the picture").locator("option[value=realesrgan]").is_enabled()
