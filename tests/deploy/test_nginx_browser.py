"""The page in a real Chromium through nginx, over HTTP/2."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from limner.settings import PROJECT_ROOT
from tests.deploy.conftest import StartNginx
from tests.deploy.nginx_server import Nginx
from tests.deploy.photos import noise
from tests.deploy.waiting import until
from tests.gateway.replica import Replica
from tests.gateway.web.browser import running_browser
from tests.gateway.web.visit import QUICK, Visit, remember

pytestmark = pytest.mark.timeout(180, func_only=True)

PROTOCOLS = """() => {
  const loaded = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  return loaded.filter((each) => each.name.startsWith(location.origin)).map((each) => each.nextHopProtocol);
}"""

LEAVE = """async ([content, milliseconds]) => {
  const form = new FormData();
  form.append("file", new Blob([Uint8Array.from(atob(content), (each) => each.charCodeAt(0))]), "a.png");
  form.append("restorer", "none");
  const leaving = AbortSignal.timeout(milliseconds);
  return fetch("/v1/enhance", { method: "POST", body: form, signal: leaving }).then(() => "answered", () => "left");
}"""


@pytest.fixture
def page_gateway(triton_url: str, tmp_path: Path) -> Iterator[Replica]:
    """A gateway with the page as it is in the sources."""
    subprocess.run([sys.executable, "-m", "gateway.web.build"], cwd=PROJECT_ROOT, check=True, timeout=170)
    replica = Replica(triton_url, tmp_path / "log", LIMNER_CANARY_INTERVAL="3600")
    yield replica.wait()
    replica.stop()


@pytest.fixture
def before_page(page_gateway: Replica, start_nginx: StartNginx) -> Nginx:
    return start_nginx(f"127.0.0.1:{page_gateway.port}")


def test_a_photo_becomes_clear_at_the_page(before_page: Nginx, page_gateway: Replica) -> None:
    with running_browser() as browser:
        context = browser.new_context(locale="en-US", ignore_https_errors=True)
        remember(context, QUICK)
        visit = Visit(context, context.new_page(), before_page.url)
        visit.watch()
        visit.open()
        visit.choose({"name": "张三.png", "mimeType": "image/png", "buffer": noise(64)})
        visit.done()
        expect(visit.page.get_by_text("64×64 → 128×128 pixels")).to_be_visible()
        protocols = visit.page.evaluate(PROTOCOLS)
        assert len(protocols) > 3
        assert set(protocols) == {"h2"}
        # A request that a browser gives up is reset within HTTP/2, where the connection stays.
        assert visit.page.evaluate(LEAVE, [as_text(noise(768)), 1500]) == "left"
        cancelled = 'enhancement_requests_total{reason="cancelled",status="499"} 1.0'
        until(lambda: cancelled in page_gateway.client.get("/metrics").text)
        assert [fault for fault in visit.faults if "ERR_" not in fault] == []
        context.close()
    routes = [line["http.route"] for line in before_page.lines()]
    assert {"/", "/assets/{name}", "/v1/photos", "/v1/photos/{task_id}/image", "/v1/enhance"} <= set(routes)


def as_text(photo: bytes) -> str:
    return base64.b64encode(photo).decode()
