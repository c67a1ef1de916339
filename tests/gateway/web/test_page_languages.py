"""Languages, appearance, phones and keyboards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.visit import Visit

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

LATIN = {
    "Limner", "English", "JPEG", "PNG", "WebP", "MB", "ZIP", "RAR", "HEIC", "NASA", "API", "ISO", "IEC", "GFPGAN",
    "FP32", "INT8", "FP16", "Lanczos", "lanczos", "detection_mobilenet0", "Final", "x4plus", "RealESRGAN_x4plus", "jpg",
    "Ctrl", "RestoreFormer", "CodeFormer", "Real", "ESRGAN", "SwinIR",
}  # fmt: skip
"""Names, which have no translation."""


def foreign_words(visit: Visit) -> list[str]:
    """English words on the page, outside of what is marked as English."""
    text: str = visit.page.evaluate(
        """() => {
          const copy = document.body.cloneNode(true);
          for (const part of copy.querySelectorAll("[lang=en], script, noscript, svg text")) part.remove();
          const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
          const found = [];
          while (texts.nextNode()) found.push(texts.currentNode.data);
          return found.join(" ");
        }"""
    )
    text = re.sub(r"\b[0-9a-f]{32}\b", "", text)  # the id of a request
    return [word for word in re.findall(r"[A-Za-z][A-Za-z0-9_]{2,}", text) if word not in LATIN]


def test_a_chinese_browser_gets_a_chinese_page(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit(locale="zh-CN")
    expect(made.page).to_have_title(re.compile("人像修复"))
    assert made.page.evaluate("document.documentElement.lang") == "zh-CN"
    assert foreign_words(made) == []
    made.choose(photo)
    made.done()
    made.page.get_by_text("全部数据").click()
    assert foreign_words(made) == []
    assert made.serious_faults() == []


def test_the_switch_changes_the_language_and_is_remembered(visit: OpenVisit) -> None:
    made = visit()
    assert made.page.evaluate("document.documentElement.lang") == "en"
    made.button("中文").click()
    expect(made.button("选择照片")).to_be_visible()
    expect(made.button("中文")).to_have_attribute("aria-pressed", "true")
    made.page.reload()
    expect(made.button("选择照片")).to_be_visible()
    assert made.page.evaluate("document.documentElement.lang") == "zh-CN"
    made.button("English").click()
    expect(made.button("Choose a photo")).to_be_visible()


def test_a_refusal_speaks_chinese(visit: OpenVisit) -> None:
    made = visit(locale="zh-CN")
    made.choose({"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"})
    expect(made.alert()).to_contain_text("这不是可以读取的照片")


def lightness(visit: Visit) -> int:
    shade = visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return sum(map(int, re.findall(r"\d+", shade)[:3]))


def test_dark_and_light_by_the_system_and_by_the_switch(visit: OpenVisit) -> None:
    made = visit(color_scheme="dark")
    dark = lightness(made)
    assert made.serious_faults() == []
    made.page.emulate_media(color_scheme="light")
    expect(made.page.locator("html")).to_have_attribute("data-theme", "light")
    light = lightness(made)
    assert dark < 150
    assert light > 600
    made.page.get_by_label("Appearance").select_option("Dark")
    assert lightness(made) == dark
    made.page.reload()
    expect(made.page.get_by_label("Appearance")).to_have_value("dark")
    assert lightness(made) == dark


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    visit: OpenVisit, photo: dict[str, Any], archive: dict[str, Any], locale: str
) -> None:
    made = visit(locale=locale, **PHONE)
    expect(made.button("Take a photo", "拍照")).to_be_visible()
    made.page.get_by_text(re.compile("^(Options|选项)$")).click()
    assert made.fits()
    assert small_targets(made) == []
    assert made.serious_faults() == []
    made.choose(photo)
    made.done()
    made.page.get_by_text(re.compile("All the numbers|全部数据")).click()
    assert made.fits()
    assert small_targets(made) == []
    assert made.serious_faults() == []
    made.discard("Another photo", "换一张照片")
    made.choose(archive)
    made.batch_done()
    assert made.fits()
    assert small_targets(made) == []
    assert made.serious_faults() == []


def small_targets(visit: Visit) -> list[str]:
    """Buttons and fields that a finger misses."""
    found: list[str] = visit.page.evaluate(
        """() => [...document.querySelectorAll("button, select, summary, input[type=text], input[type=password]")]
          .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 40)
          .map((each) => each.outerHTML.slice(0, 100))"""
    )
    return found


def test_the_camera_is_asked_for_on_a_phone(visit: OpenVisit, photo: dict[str, Any]) -> None:
    made = visit(**PHONE)
    with made.page.expect_file_chooser() as chooser:
        made.button("Take a photo").click()
    assert chooser.value.element.get_attribute("capture") == "user"
    chooser.value.set_files(photo)  # type: ignore[arg-type]
    made.done()


def test_all_of_it_with_the_keyboard(visit: OpenVisit, photo: dict[str, Any], tmp_path: Path) -> None:
    made = visit()

    def tab_to(name: str) -> None:
        for _ in range(40):
            made.page.keyboard.press("Tab")
            focused = made.page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel")
            if focused.strip() == name:
                return
        raise AssertionError(f"{name} cannot be reached")

    tab_to("Choose a photo")
    with made.page.expect_file_chooser() as chooser:
        made.page.keyboard.press("Enter")
    chooser.value.set_files(photo)  # type: ignore[arg-type]
    made.done()
    assert made.page.evaluate("document.activeElement !== document.body")  # the focus is not lost
    tab_to("Save")
    with made.page.expect_download() as download:
        made.page.keyboard.press("Enter")
    assert download.value.suggested_filename == "张三_enhanced.jpg"
