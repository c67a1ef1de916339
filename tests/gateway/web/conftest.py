"""A built page, real gateways in front of the real Triton, and visits in a real Chromium."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT
from tests.gateway.replica import Replica
from tests.gateway.web.browser import running_browser
from tests.gateway.web.visit import QUICK, Visit, remember

EXPECT_MILLISECONDS = 20_000

OpenVisit = Callable[..., Visit]
OpenGateway = Callable[..., Replica]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/gateway/web/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def built_page() -> None:
    """The page as it is in the sources."""
    subprocess.run([sys.executable, "-m", "gateway.web.build"], cwd=PROJECT_ROOT, check=True, timeout=600)


@pytest.fixture(scope="session")
def gateway(triton_url: str, built_page: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """``limner serve`` that most visits go to."""
    replica = Replica(triton_url, tmp_path_factory.mktemp("gateway") / "log", LIMNER_CANARY_INTERVAL="3600")
    yield replica.wait()
    replica.stop()


@pytest.fixture
def special_gateway(triton_url: str, built_page: None, tmp_path: Path) -> Iterator[OpenGateway]:
    """Starts one more, with settings of its own."""
    started: list[Replica] = []

    def start(**settings: str) -> Replica:
        started.append(Replica(triton_url, tmp_path / f"log{len(started)}", LIMNER_CANARY_INTERVAL="3600", **settings))
        return started[-1].wait()

    yield start
    for replica in started:
        replica.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        expect.set_options(timeout=EXPECT_MILLISECONDS)
        yield running


@pytest.fixture
def visit(browser: Browser, gateway: Replica) -> Iterator[OpenVisit]:
    """Opens the page in a profile of its own. Faults of the page fail the test that did not expect them."""
    visits: list[Visit] = []

    def opened(options: dict[str, Any] | None = QUICK, port: int | None = None, **profile: Any) -> Visit:
        context = browser.new_context(**{"locale": "en-US", **profile})
        context.set_default_timeout(EXPECT_MILLISECONDS)
        if options is not None:
            remember(context, options)
        made = Visit(context, context.new_page(), f"http://127.0.0.1:{port or gateway.port}")
        made.watch()
        made.page.on("filechooser", lambda _: None)  # from now on no real one opens, however fast a key is pressed
        visits.append(made)
        made.open()
        return made

    yield opened
    faults = [fault for made in visits for fault in made.unexpected()]
    for made in visits:
        made.context.close()
    assert faults == []


@pytest.fixture(scope="session")
def jpeg(portrait: UInt8) -> bytes:
    """The small portrait as a file: 90×100 with one face."""
    encoded = io.BytesIO()
    Image.fromarray(portrait).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


@pytest.fixture(scope="session")
def photo(jpeg: bytes) -> dict[str, Any]:
    """As Playwright hands it to a file chooser."""
    return {"name": "张三.jpg", "mimeType": "image/jpeg", "buffer": jpeg}


@pytest.fixture(scope="session")
def large_photo(astronaut: UInt8) -> dict[str, Any]:
    """What takes Real-ESRGAN long enough to be cancelled: 512×512, in noise that no tile is spared for."""
    noise = np.random.default_rng(0).normal(0, 6, astronaut.shape)
    encoded = io.BytesIO()
    Image.fromarray(np.clip(astronaut + noise, 0, 255).astype(np.uint8)).save(encoded, "PNG")
    return {"name": "large.png", "mimeType": "image/png", "buffer": encoded.getvalue()}


@pytest.fixture(scope="session")
def medium_photo(large_photo: dict[str, Any]) -> dict[str, Any]:
    """A quarter of it: what takes some seconds, and may be waited for."""
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(large_photo["buffer"])) as large:
        large.crop((96, 0, 352, 256)).save(encoded, "PNG")
    return {**large_photo, "name": "medium.png", "buffer": encoded.getvalue()}


@pytest.fixture(scope="session")
def archive(jpeg: bytes) -> dict[str, Any]:
    """A ZIP with two photos, one of them in a folder with a Chinese name, a broken one and a text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        writer.writestr("三年二班/张三.jpg", jpeg)
        writer.writestr("plain.jpg", jpeg)
        writer.writestr("broken.jpg", b"\xff\xd8\xff\xe0" + bytes(500))
        writer.writestr("notes.txt", "notes")
    return {"name": "班级.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
