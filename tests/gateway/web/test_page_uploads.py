"""Files on their way: several at once, dropped beside, broken off, and too many of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenGateway, OpenVisit
from tests.gateway.web.flaky_proxy import FlakyProxy
from tests.gateway.web.test_page_network import task_of, until_gone

DROP = """([selector, names]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([Uint8Array.of(255, 216, 255)], name, { type: "image/jpeg" }));
  const step = (kind) => new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  const target = document.querySelector(selector);
  return ["dragenter", "dragover", "drop"].map((kind) => target.dispatchEvent(step(kind))).pop();
}"""


def drop(page: Page, selector: str, *names: str) -> bool:
    """Let files fall; whether the browser would open them itself, in place of the page."""
    opens: bool = page.evaluate(DROP, [selector, list(names)])
    return opens


def test_several_files_at_once_are_sent_to_be_packed(visit: OpenVisit) -> None:
    made = visit()
    assert not drop(made.page, "main input[type=file]", "a.jpg", "b.jpg")
    expect(made.alert()).to_contain_text("One file at a time")
    assert made.uploads() == []


def test_a_file_that_misses_the_zone_does_not_take_the_place_of_the_page(
    visit: OpenVisit, photo: dict[str, Any]
) -> None:
    made = visit()
    assert not drop(made.page, "footer", "a.jpg")
    assert made.uploads() == []
    made.choose(photo)
    made.done()
    assert not drop(made.page, "main", "b.jpg")
    expect(made.button("Save")).to_be_visible()


def uploads(gateway: Replica) -> int:
    """How many the server has taken in, by its audit log."""
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]
    return sum(line.get("event.action") == "upload" and line["event.outcome"] == "success" for line in lines)


def test_of_a_cancelled_upload_the_server_takes_nothing(
    visit: OpenVisit, gateway: Replica, photo: dict[str, Any], large_photo: dict[str, Any]
) -> None:
    taken = uploads(gateway)
    with FlakyProxy(gateway.port) as proxy:
        made = visit(port=proxy.port)
        proxy.upload_rate = 50_000
        made.choose(large_photo)
        expect(made.page.get_by_role("progressbar", name="Sending the photo")).to_be_visible()
        made.until("[...document.querySelectorAll('p')].some((each) => /[1-9][0-9]* %/.test(each.textContent))")
        made.button("Cancel").click()
        proxy.upload_rate = None
        made.choose(photo)
        made.done()
    assert uploads(gateway) == taken + 1


def test_closing_the_tab_cancels_the_work(visit: OpenVisit, gateway: Replica, large_photo: dict[str, Any]) -> None:
    made = visit(options={"background": "realesrgan", "enhancement_level": 3})
    made.choose(large_photo)
    task = task_of(made)
    made.page.close()
    until_gone(gateway, task)


def test_a_large_photo_too_many_hears_why(
    visit: OpenVisit, special_gateway: OpenGateway, photo: dict[str, Any], tmp_path: Path
) -> None:
    """The answer comes before all of the photo has been sent, and must not drown in a broken connection."""
    limited = special_gateway(LIMNER_RATE_LIMIT="1/minute")
    (tmp_path / "large.jpg").write_bytes(photo["buffer"] + bytes(19_000_000))
    made = visit(port=limited.port)
    made.expected.append("status of 429")
    made.choose(photo)
    made.done()
    made.discard("Another photo")
    made.choose(tmp_path / "large.jpg")
    expect(made.alert()).to_contain_text("too many uploads")
