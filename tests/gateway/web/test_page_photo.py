"""One photo at the page, in a real Chromium, against the real gateway and Triton."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Response, expect

from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.visit import QUICK, Visit, refuse_options

GIVE = """([kind, name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const zone = document.querySelector("main input[type=file]").parentElement;
  if (kind === "paste") {
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  } else {
    for (const step of ["dragenter", "dragover", "drop"]) {
      zone.dispatchEvent(new DragEvent(step, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }
}"""


def give(visit: Visit, kind: str, file: dict[str, Any]) -> None:
    content = base64.b64encode(file["buffer"]).decode()
    visit.page.evaluate(GIVE, [kind, file["name"], file["mimeType"], content])


@pytest.mark.parametrize("kind", ["choose", "drop", "paste"])
def test_a_photo_becomes_clear(visit: OpenVisit, photo: dict[str, Any], kind: str) -> None:
    made = visit()
    if kind == "choose":
        made.choose(photo)
    else:
        give(made, kind, photo)
    made.done()
    expect(made.page.get_by_text("90×100 → 180×200 pixels")).to_be_visible()
    expect(made.page.get_by_role("img", name="Before")).to_be_visible()
    assert made.uploads() == [("POST", "/v1/photos")]


def test_the_saved_file_is_the_enhanced_one_and_nothing_is_left(
    visit: OpenVisit, gateway: Replica, photo: dict[str, Any], tmp_path: Path
) -> None:
    made = visit()
    answers: list[Response] = []
    made.page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/image") else None)
    made.choose(photo)
    made.done()
    with made.page.expect_download() as download:
        made.button("Save").click()
    download.value.save_as(tmp_path / "saved")
    saved = (tmp_path / "saved").read_bytes()
    (answer,) = answers
    wanted = gateway.client.post("/v1/enhance", files={"file": ("a.jpg", photo["buffer"])}, data=QUICK)
    assert saved == wanted.content
    assert download.value.suggested_filename == "张三_enhanced.jpg"
    with Image.open(io.BytesIO(saved)) as picture:
        assert (picture.size, picture.format) == ((180, 200), "JPEG")
    expect(made.page.get_by_text("deleted from the server").first).to_be_visible()
    task = answer.url.split("/")[-2]
    assert gateway.state(task)["status"] == "cleaned"
    assert gateway.client.get(f"/v1/photos/{task}/image").status_code == 410


def test_real_esrgan_and_the_words_for_it(visit: OpenVisit, gateway: Replica, photo: dict[str, Any]) -> None:
    """What is at work is said before and after, and is what ``/v1/models`` says."""
    roles = gateway.client.get("/v1/models").json()["roles"]
    made = visit(options=None)
    footer = made.page.get_by_role("contentinfo")
    expect(footer.get_by_text("Picture: RealESRGAN_x4plus")).to_be_visible()
    assert (roles["face_restorer"]["model"] is None) == footer.get_by_text("enlarged, not restored").is_visible()
    made.choose(photo)
    made.done()
    made.page.get_by_text("All the numbers").click()
    expect(made.page.get_by_role("main").get_by_text("RealESRGAN_x4plus").first).to_be_visible()
    if roles["face_restorer"]["model"] is None:
        expect(made.page.get_by_text("no model that restores faces").first).to_be_visible()


def pixels(content: bytes) -> dict[str, Any]:
    return {"name": "x", "mimeType": "image/jpeg", "buffer": content}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jpg", b"", "empty"),
        ("notes.jpg", b"this is text", "no photo that can be read"),
        ("iphone.jpg", b"\0\0\0\x18ftypheic" + bytes(100), "Save it as JPEG"),
        ("fat.jpg", b"\xff\xd8\xff\xe0" + bytes(25_000_000), "25 MB; at most 20 MB"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_it_is_sent(
    visit: OpenVisit, photo: dict[str, Any], tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    made = visit()
    made.choose(tmp_path / name)
    expect(made.alert()).to_contain_text(says)
    assert made.uploads() == []
    assert made.serious_faults() == []
    made.choose(photo)  # and the page is as good as before
    made.done()


def test_a_photo_that_only_the_server_sees_through(visit: OpenVisit) -> None:
    made = visit()
    made.choose({"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(200)})
    expect(made.alert()).to_contain_text("damaged")
    assert made.serious_faults() == []
    made.expected.append("status of 422")
    made.button("Another photo").click()
    expect(made.page.get_by_text("Drop a photo here")).to_be_visible()


def test_the_slider_moves_by_key_and_by_mouse(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.choose(photo)
    made.done()
    slider = made.page.get_by_role("slider", name="Compare before and after")
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "45")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "100")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    for _ in range(9):
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "45")
    slider.scroll_into_view_if_needed()
    box = boxes(made)[0]
    made.page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2)
    made.page.mouse.down()
    made.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=5)
    made.page.mouse.up()
    expect(slider).to_have_attribute("aria-valuenow", re.compile("^(79|80|81)"))


def boxes(visit: Visit) -> list[FloatRect]:
    found = [visit.page.get_by_role("img", name=name, exact=True).bounding_box() for name in ("Before", "After")]
    return [box for box in found if box is not None]


def test_both_pictures_zoom_and_pan_as_one(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.choose(photo)
    made.done()
    whole = boxes(made)
    assert whole[0] == pytest.approx(whole[1])
    made.button("Zoom in").click()
    zoomed = boxes(made)
    assert zoomed[0] == pytest.approx(zoomed[1])
    assert zoomed[0]["width"] == pytest.approx(1.5 * whole[0]["width"], rel=0.01)
    x, y = whole[0]["x"] + whole[0]["width"] * 0.2, whole[0]["y"] + whole[0]["height"] * 0.2
    made.page.mouse.move(x, y)
    made.page.mouse.down()
    made.page.mouse.move(x + 40, y + 30, steps=4)
    made.page.mouse.up()
    panned = boxes(made)
    assert panned[0] == pytest.approx(panned[1])
    assert panned[0]["x"] == pytest.approx(zoomed[0]["x"] + 40, abs=4)
    made.page.mouse.wheel(0, -200)
    made.page.wait_for_timeout(100)
    wheeled = boxes(made)
    assert wheeled[0] == pytest.approx(wheeled[1])
    assert wheeled[0]["width"] > panned[0]["width"]
    made.page.get_by_role("slider", name="Compare before and after").press("0")
    assert boxes(made)[0] == pytest.approx(whole[0])


def test_faces_are_outlined_where_they_are(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.choose(photo)
    made.done()
    outlines = made.page.locator("svg rect[vector-effect]")
    expect(outlines).to_have_count(0)
    toggle = made.button("Outline faces")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(outlines.first).to_be_visible()
    picture, outline = boxes(made)[0], outlines.first.bounding_box()
    assert outline is not None
    # The portrait's face: about the middle of the picture, half as wide as it.
    assert 0.2 < (outline["x"] - picture["x"]) / picture["width"] < 0.4
    assert 0.3 < outline["width"] / picture["width"] < 0.6
    assert outline["y"] > picture["y"]
    assert made.serious_faults() == []
    toggle.click()
    expect(outlines).to_have_count(0)


def test_the_same_photo_again_with_other_options(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.choose(photo)
    made.done()
    made.page.get_by_text("Other options").click()
    made.page.get_by_label("Size of the result").select_option("4")
    made.button("Enhance again").click()
    expect(made.page.get_by_text("90×100 → 720×800 pixels")).to_be_visible(timeout=60_000)
    assert made.uploads() == [("POST", "/v1/photos")] * 2


def test_the_only_copy_is_not_dropped_unasked(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit()
    made.expected.append("status of 422")
    made.choose(photo)
    made.done()
    asking = made.button("Not saved: discard it")
    made.button("Another photo").dblclick()
    expect(asking).to_be_focused()
    expect(made.button("Save")).to_be_visible()
    with made.page.expect_download():
        made.button("Save").click()
    expect(made.button("Another photo")).to_be_visible()  # which is no question any more

    made.page.get_by_text("Other options").click()
    made.button("Enhance again").click()
    expect(made.page.get_by_role("progressbar")).to_be_visible()
    made.done()
    made.page.route("**/v1/photos", refuse_options, times=1)
    made.page.get_by_text("Other options").click()
    made.button("Enhance again").click()
    expect(made.alert()).to_be_visible()
    made.button("Another photo").press("Enter")  # the last result is unsaved
    expect(asking).to_be_focused()
    assert made.serious_faults() == []
    made.page.keyboard.press("Enter")
    expect(made.button("Choose a photo")).to_be_visible()
