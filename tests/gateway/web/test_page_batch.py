"""Archives of photos at the page."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import rars
from PIL import Image
from playwright.sync_api import expect

from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.visit import Visit, refuse_options


def saved(visit: Visit, folder: Path) -> tuple[str, dict[str, bytes]]:
    """The archive that the page saves: its name, and what is in it."""
    with visit.page.expect_download() as download:
        visit.button("Save the archive", "保存压缩包").click()
    download.value.save_as(folder / "saved.zip")
    with zipfile.ZipFile(folder / "saved.zip") as reader:
        assert reader.testzip() is None
        return download.value.suggested_filename, {name: reader.read(name) for name in reader.namelist()}


def test_a_zip_with_a_broken_entry(visit: OpenVisit, archive: dict[str, Any], tmp_path: Path) -> None:
    made = visit()
    made.choose(archive)
    made.batch_done()
    expect(made.page.get_by_role("heading", name="2 of 3 photos enhanced")).to_be_visible()
    failed = made.page.get_by_role("listitem").filter(has_text="broken.jpg")
    expect(failed).to_contain_text("The photo is damaged")
    expect(made.page.get_by_role("listitem").filter(has_text="notes.txt")).to_contain_text("not a photo")
    assert made.serious_faults() == []
    name, files = saved(made, tmp_path)
    assert name == "班级-limner.zip"
    assert sorted(files) == ["plain.jpg", "report.json", "三年二班/张三.jpg"]
    with Image.open(io.BytesIO(files["三年二班/张三.jpg"])) as picture:
        assert picture.size == (180, 200)
    assert json.loads(files["report.json"])["failed_files"] == 1
    assert made.uploads() == [("POST", "/v1/batches")]
    expect(made.page.get_by_text("deleted from the server")).to_be_visible()


def test_a_photo_of_the_batch_is_looked_at(visit: OpenVisit, archive: dict[str, Any]) -> None:
    made = visit(locale="zh-CN")
    made.choose(archive)
    made.batch_done()
    expect(made.page.get_by_role("listitem").filter(has_text="broken.jpg")).to_contain_text("照片已损坏")
    opener = made.page.get_by_role("button", name="张三.jpg")
    opener.click()
    dialog = made.page.get_by_role("dialog", name="三年二班/张三.jpg")
    expect(dialog.get_by_role("img", name="处理前")).to_be_visible()
    expect(dialog.get_by_role("img", name="处理后")).to_be_visible()
    widths = dialog.get_by_role("img").evaluate_all("all => all.map((each) => each.naturalWidth)")
    assert widths == [90, 180]
    assert made.serious_faults() == []
    dialog.get_by_role("button", name="下一张").click()
    expect(made.page.get_by_role("dialog", name="plain.jpg")).to_be_visible()
    made.page.keyboard.press("Escape")
    expect(made.page.get_by_role("dialog")).to_have_count(0)
    assert made.page.evaluate("document.activeElement.textContent").startswith("张三.jpg")


def test_progress_is_counted_and_thumbnails_are_made_in_the_browser(
    visit: OpenVisit, large_photo: dict[str, Any]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        for name in ("a.png", "b.png", "c.png"):
            writer.writestr(name, large_photo["buffer"])
        writer.writestr("broken.jpg", b"\xff\xd8\xff\xe0" + bytes(500))
    made = visit(options={"background": "realesrgan", "enhancement_level": 3})
    made.choose({"name": "a.zip", "mimeType": "application/zip", "buffer": packed.getvalue()})
    expect(made.page.get_by_role("heading", name=re.compile("^[0-3] of 4$"))).to_be_visible()
    expect(made.page.get_by_role("progressbar", name="Files done")).to_have_attribute(
        "aria-valuenow", re.compile("^(0|25|50|75)$")
    )
    shown = made.page.get_by_role("list", name="Photos in the archive").get_by_role("img")
    expect(shown).to_have_count(4)
    made.until("[...document.querySelectorAll('canvas')].filter((each) => each.width > 1).length === 3")
    assert made.serious_faults() == []
    made.button("Cancel").click()


def test_a_rar(visit: OpenVisit, jpeg: bytes, tmp_path: Path) -> None:
    builder = rars.RarBuilder(format="rar50")
    builder.add_bytes(jpeg, "照片/一.jpg")
    made = visit()
    made.choose({"name": "photos.rar", "mimeType": "application/vnd.rar", "buffer": bytes(builder.to_bytes())})
    made.batch_done()
    expect(made.page.get_by_role("heading", name="1 of 1 photos enhanced")).to_be_visible()
    name, files = saved(made, tmp_path)
    assert name == "photos-limner.zip"
    assert sorted(files) == ["report.json", "照片/一.jpg"]


def test_an_archive_without_photos_is_refused(visit: OpenVisit) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        writer.writestr("notes.txt", "notes")
    made = visit()
    made.expected.append("status of 422")
    made.choose({"name": "a.zip", "mimeType": "application/zip", "buffer": packed.getvalue()})
    expect(made.alert()).to_contain_text("There is no photo in this archive")
    made.button("Another file").click()
    expect(made.button("Choose a photo")).to_be_visible()


def test_an_archive_is_tried_again_with_other_options(
    visit: OpenVisit, archive: dict[str, Any], tmp_path: Path
) -> None:
    """And once it is saved, it may go."""
    made = visit()
    made.expected.append("status of 422")
    made.page.route("**/v1/batches", refuse_options, times=1)
    made.choose(archive)
    expect(made.alert()).to_contain_text("Set them back to the defaults")
    made.page.get_by_text("Options", exact=True).click()
    made.page.get_by_label("Size of the result").select_option("1")
    assert made.serious_faults() == []
    made.button("Try again").click()
    made.batch_done()
    made.button("Another file").click()
    expect(made.button("Not saved: discard it")).to_be_visible()
    _, files = saved(made, tmp_path)
    with Image.open(io.BytesIO(files["plain.jpg"])) as picture:
        assert picture.size == (90, 100)
    made.button("Another file").click()
    expect(made.button("Choose a photo")).to_be_visible()


def test_a_batch_is_cancelled(visit: OpenVisit, archive: dict[str, Any]) -> None:
    made = visit(options={"background": "realesrgan", "enhancement_level": 4})
    made.choose(archive)
    expect(made.page.get_by_role("heading", name="of 4")).to_be_visible()
    made.button("Cancel").click()
    expect(made.button("Choose a photo")).to_be_visible()
    assert any(method == "DELETE" and path.startswith("/v1/batches/") for method, path in made.asked)


def test_long_names_and_what_a_mac_adds(visit: OpenVisit, jpeg: bytes) -> None:
    """File names of chat programs are as long as may be; a Mac's archive is half notes of its own."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        writer.writestr("照片.jpg", jpeg)
        writer.writestr("b" * 180 + ".jpg", b"\xff\xd8\xff\xe0" + bytes(500))
        writer.writestr("__MACOSX/._" + "c" * 180 + ".jpg", b"notes")
    made = visit(locale="zh-CN", viewport={"width": 360, "height": 740})
    made.choose({"name": "d" * 180 + ".zip", "mimeType": "application/zip", "buffer": packed.getvalue()})
    expect(made.page.get_by_role("progressbar")).to_be_visible()
    assert made.fits()
    made.batch_done()
    expect(made.page.get_by_role("listitem").filter(has_text="__MACOSX")).to_contain_text("macOS 自身的附属文件")
    assert made.fits()
    made.discard("换一个文件")
    expect(made.page.get_by_role("heading", level=1)).to_be_focused()
