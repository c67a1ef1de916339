"""What the first view weighs, that nothing moves in it, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.test_page_languages import PHONE

MOST_BYTES = 250_000
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
  .observe({ type: "layout-shift", buffered: true });
"""


def test_the_whole_page_weighs_less_than_250_kb(visit: OpenVisit, archive: dict[str, Any]) -> None:
    """As it is transferred; what archives need, too, which comes later."""
    made = visit()
    protocol = made.context.new_cdp_session(made.page)
    protocol.send("Network.enable")
    protocol.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: dict[str, float] = {}
    urls: dict[str, str] = {}
    protocol.on("Network.responseReceived", lambda told: urls.update({told["requestId"]: told["response"]["url"]}))
    protocol.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    made.page.reload()
    made.choose(archive)
    made.batch_done()
    # An event stream of the view before has a size, but no address: it was answered before anyone listened.
    weights = {
        urls[name]: size
        for name, size in sizes.items()
        if name in urls and "/v1/" not in urls[name] and "blob:" not in urls[name]
    }
    assert any("BatchView" in url for url in weights)
    assert sum(url.endswith((".js", ".css")) for url in weights) >= 3
    assert sum(weights.values()) < MOST_BYTES, weights


@pytest.mark.parametrize("profile", [{"viewport": {"width": 1280, "height": 800}}, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_nothing_moves_in_the_first_view(
    browser: Browser, gateway: Replica, profile: dict[str, Any], locale: str
) -> None:
    """Not even when the models are known late."""
    context = browser.new_context(locale=locale, **profile)
    context.add_init_script(SHIFTS)
    page = context.new_page()

    def late(route: Route) -> None:
        page.wait_for_timeout(1000)
        route.continue_()

    page.route("**/v1/models", late)
    page.goto(f"http://127.0.0.1:{gateway.port}/")
    expect(page.get_by_role("contentinfo").get_by_text("RealESRGAN")).to_be_visible()
    page.wait_for_timeout(300)
    shifts = page.evaluate("window.shifts")
    context.close()
    assert sum(shifts) < 0.001, shifts


def test_assets_are_cached_for_good_and_the_page_is_asked_for_again(gateway: Replica) -> None:
    index = gateway.client.get("/")
    assert index.headers["cache-control"] == "no-cache"
    assert gateway.client.get("/", headers={"If-None-Match": index.headers["etag"]}).status_code == 304
    names = [part.split('"')[0] for part in index.text.split("./assets/")[1:]]
    assert len(names) >= 3
    for name in names:
        asset = gateway.client.get(f"/assets/{name}")
        assert asset.status_code == 200
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_visit_keeps_preferences_and_nothing_else(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit(options=None)
    assert made.stored() == {}
    made.page.get_by_text("Options", exact=True).click()
    made.page.get_by_label("The rest of the picture").select_option("lanczos")
    made.page.get_by_label("Appearance").select_option("Dark")
    made.choose(photo)
    made.done()
    made.button("English").click()
    assert set(made.stored()) == {"limner.options", "limner.theme", "limner.language"}
    assert "张三" not in str(made.stored())
    assert made.context.cookies() == []
    others = made.page.evaluate("async () => [sessionStorage.length, await indexedDB.databases(), await caches.keys()]")
    assert others == [0, [], []]
