"""What the page does when the network or the server fails, when a limit is met, and when it is left."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect

from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenGateway, OpenVisit
from tests.gateway.web.flaky_proxy import FlakyProxy
from tests.gateway.web.visit import Visit

SLOW = {"background": "realesrgan", "enhancement_level": 3}
BROKEN = "ERR_|Failed to load"
SECONDS = 60.0


def task_of(visit: Visit) -> str:
    """The id of the task that the page follows."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for method, path in visit.asked:
            if method == "GET" and path.startswith("/v1/photos/"):
                return path.split("/")[3]
        visit.page.wait_for_timeout(50)
    raise AssertionError(visit.asked)


def until_gone(gateway: Replica, task: str) -> None:
    """Until the server knows nothing of the task but that it was."""
    deadline = time.monotonic() + SECONDS
    while gateway.state(task).get("status") != "cleaned":
        assert time.monotonic() < deadline, gateway.state(task)
        time.sleep(0.05)


def test_work_is_cancelled(visit: OpenVisit, gateway: Replica, large_photo: dict[str, Any]) -> None:
    made = visit(options=SLOW)
    made.choose(large_photo)
    expect(made.page.get_by_role("progressbar")).to_be_visible()
    task = task_of(made)
    assert made.serious_faults() == []
    made.button("Cancel").click()
    expect(made.button("Choose a photo")).to_be_visible()
    until_gone(gateway, task)


def test_an_upload_is_cancelled(visit: OpenVisit, gateway: Replica, large_photo: dict[str, Any]) -> None:
    with FlakyProxy(gateway.port) as proxy:
        made = visit(port=proxy.port)
        proxy.upload_rate = 50_000
        made.choose(large_photo)
        expect(made.page.get_by_text("Sending the photo")).to_be_visible()
        expect(made.page.get_by_text("%").first).to_be_visible()
        made.button("Cancel").click()
        expect(made.button("Choose a photo")).to_be_visible()
        proxy.upload_rate = None
    assert not any(path.startswith("/v1/photos/") for _, path in made.asked)


def test_leaving_the_page_cancels_the_work(visit: OpenVisit, gateway: Replica, large_photo: dict[str, Any]) -> None:
    made = visit(options=SLOW)
    made.choose(large_photo)
    task = task_of(made)
    asked: list[str] = []

    def stay_or_go(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    made.page.on("dialog", stay_or_go)
    made.page.goto("about:blank")
    until_gone(gateway, task)
    assert asked == ["beforeunload"]


def test_a_lost_connection_resumes(visit: OpenVisit, gateway: Replica, medium_photo: dict[str, Any]) -> None:
    with FlakyProxy(gateway.port) as proxy:
        made = visit(options={"background": "realesrgan"}, port=proxy.port)
        made.expected.append(BROKEN)
        made.choose(medium_photo)
        task_of(made)
        proxy.cut()
        expect(made.alert()).to_contain_text("Connection lost")
        assert made.serious_faults() == []
        proxy.mend()
        expect(made.page.get_by_text("Connection lost")).to_be_hidden(timeout=30_000)
        made.done()
    assert len(made.uploads()) == 1


def test_a_result_whose_delivery_breaks_is_fetched_again(
    visit: OpenVisit, gateway: Replica, photo: dict[str, Any]
) -> None:
    made = visit()
    made.expected.append(BROKEN)
    tries: list[str] = []

    def break_off(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) < 3:
            route.abort("connectionreset")
        else:
            route.continue_()

    made.page.route("**/image", break_off)
    made.choose(photo)
    expect(made.alert()).to_contain_text("It is still there")
    expect(made.page.get_by_text("The server deletes it in")).to_contain_text(re.compile("[0-4]:[0-5][0-9]"))
    expect(made.page.get_by_text("Your photo is deleted from the server already")).to_be_visible()
    made.done()
    assert len(tries) == 3
    assert gateway.state(tries[0].split("/")[-2])["status"] == "cleaned"


def test_a_server_that_goes_away_is_said_so(visit: OpenVisit, gateway: Replica, photo: dict[str, Any]) -> None:
    with FlakyProxy(gateway.port) as proxy:
        made = visit(port=proxy.port)
        made.expected.append(BROKEN)
        proxy.cut()
        made.choose(photo)
        expect(made.alert()).to_contain_text("The server does not answer")
        assert made.serious_faults() == []
        proxy.mend()
        made.button("Try again").click()
        made.done()


def test_a_file_that_is_gone_is_said_so(
    visit: OpenVisit, gateway: Replica, photo: dict[str, Any], tmp_path: Path
) -> None:
    chosen = tmp_path / "photo.jpg"
    chosen.write_bytes(photo["buffer"])
    with FlakyProxy(gateway.port) as proxy:
        made = visit(port=proxy.port)
        made.expected.append(BROKEN)
        proxy.cut()
        made.choose(chosen)
        expect(made.alert()).to_contain_text("The server does not answer")
        chosen.unlink()
        proxy.mend()
        made.button("Try again").click()
        expect(made.alert()).to_contain_text("cannot be read any more")


def test_too_many_uploads(visit: OpenVisit, special_gateway: OpenGateway, photo: dict[str, Any]) -> None:
    limited = special_gateway(LIMNER_RATE_LIMIT="2/minute")
    made = visit(port=limited.port)
    made.expected.append("status of 429")
    for _ in range(2):
        made.choose(photo)
        made.done()
        made.discard("Another photo")
    made.choose(photo)
    expect(made.alert()).to_contain_text("too many uploads")
    expect(made.alert()).to_contain_text("Try again in")
    expect(made.button("Try again")).to_be_visible()
    assert made.serious_faults() == []


def test_the_limits_are_those_of_the_server(visit: OpenVisit, special_gateway: OpenGateway, jpeg: bytes) -> None:
    small = special_gateway(LIMNER_MAX_UPLOAD_BYTES="1500000")
    made = visit(port=small.port)
    expect(made.page.get_by_text("up to 1.5 MB")).to_be_visible()
    made.choose({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg + bytes(1_600_000)})
    expect(made.alert()).to_contain_text("at most 1.5 MB")
    assert made.uploads() == []
