"""Before and after, held against the report: the server is asked for it before the page fetches the result."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Route, expect

from ensemble.photo import UInt8
from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.test_page_photo import boxes
from tests.gateway.web.visit import Visit

ORIENTATION = 0x0112
TURNED_LEFT = 6
"""To be shown upright, it has to be turned to the right by 90°."""


@pytest.fixture(scope="session")
def turned_photo(portrait: UInt8) -> dict[str, Any]:
    """The portrait as a phone stores it that was held upright: lying, with a mark that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    encoded = io.BytesIO()
    Image.fromarray(portrait).rotate(90, expand=True).save(encoded, "JPEG", quality=90, exif=exif.tobytes())
    return {"name": "turned.jpg", "mimeType": "image/jpeg", "buffer": encoded.getvalue()}


def enhanced(visit: Visit, gateway: Replica, file: dict[str, Any]) -> dict[str, Any]:
    """Have the page enhance a photo; the whole report of it."""
    reports: list[dict[str, Any]] = []

    def look_first(route: Route) -> None:
        reports.append(gateway.state(route.request.url.split("/")[-2])["report"])
        route.continue_()

    visit.page.route("**/image", look_first)
    visit.choose(file)
    visit.done()
    (report,) = reports
    return report


def outlined(visit: Visit, picture: FloatRect, size: dict[str, int]) -> list[float]:
    """The first outline in pixels of the photo: left, top, right, bottom."""
    outline = visit.page.locator("svg rect[vector-effect]").first.bounding_box()
    assert outline is not None
    scale = size["width"] / picture["width"]
    left, top = (scale * (outline[axis] - picture[axis]) for axis in ("x", "y"))
    return [left, top, left + scale * outline["width"], top + scale * outline["height"]]


@pytest.mark.parametrize("kind", ["photo", "turned_photo"])
def test_outlines_are_the_boxes_of_the_report_zoomed_or_not(
    visit: OpenVisit, gateway: Replica, request: pytest.FixtureRequest, kind: str
) -> None:
    made = visit()
    report = enhanced(made, gateway, request.getfixturevalue(kind))
    assert (report["input"]["width"], report["input"]["height"]) == (90, 100)
    made.button("Outline faces").click()
    whole = boxes(made)
    assert whole[0] == pytest.approx(whole[1])
    assert whole[0]["width"] / whole[0]["height"] == pytest.approx(0.9, rel=0.01)
    box = report["faces"][0]["box"]
    assert outlined(made, whole[0], report["input"]) == pytest.approx(box, abs=1)
    made.button("Zoom in").click()
    zoomed = boxes(made)[0]
    assert zoomed["width"] > 1.4 * whole[0]["width"]
    assert outlined(made, zoomed, report["input"]) == pytest.approx(box, abs=1)


def test_the_keys_zoom_and_move_both_pictures(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.choose(photo)
    made.done()
    slider = made.page.get_by_role("slider", name="Compare before and after")
    whole = boxes(made)[0]
    slider.press("+")
    slider.press("+")
    assert boxes(made)[0]["width"] == pytest.approx(2.25 * whole["width"], rel=0.01)
    slider.press("-")
    near = boxes(made)[0]
    assert near["width"] == pytest.approx(1.5 * whole["width"], rel=0.01)
    slider.press("ArrowLeft")  # the slider has the focus: the arrows are its
    assert boxes(made)[0] == pytest.approx(near)
    made.page.get_by_role("region", name="Before and after").press("ArrowRight")
    moved = boxes(made)
    assert moved[0] == pytest.approx(moved[1])
    assert moved[0]["x"] == pytest.approx(near["x"] - 40, abs=1)


def test_the_wheel_scrolls_the_page_until_the_picture_is_zoomed(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit(viewport={"width": 900, "height": 500})
    made.choose(photo)
    made.done()
    whole = boxes(made)[0]
    made.page.mouse.move(whole["x"] + 60, whole["y"] + 60)
    made.page.mouse.wheel(0, 100)
    made.until("scrollY === 100")
    assert boxes(made)[0]["width"] == pytest.approx(whole["width"])
    made.page.keyboard.down("Control")
    made.page.mouse.wheel(0, -100)
    made.page.keyboard.up("Control")
    expect(made.button("Fit")).to_be_enabled()
    wheeled = boxes(made)
    assert wheeled[0] == pytest.approx(wheeled[1])
    assert wheeled[0]["width"] > 1.2 * whole["width"]
    assert made.page.evaluate("[scrollY, visualViewport.scale]") == [100, 1]


@pytest.mark.parametrize("size", [(1, 1), (2000, 30), (30, 2000)])
def test_photos_of_any_shape_lie_on_each_other(visit: OpenVisit, size: tuple[int, int]) -> None:
    encoded = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(encoded, "PNG")
    made = visit(viewport={"width": 360, "height": 740})
    made.choose({"name": "a.png", "mimeType": "image/png", "buffer": encoded.getvalue()})
    made.done()
    before, after = boxes(made)
    assert before == pytest.approx(after)
    assert min(before["width"], before["height"]) > 1
    assert before["width"] / before["height"] == pytest.approx(size[0] / size[1], rel=0.05)
    assert made.fits()
    expect(made.page.get_by_role("heading", name="No face was found")).to_be_visible()
