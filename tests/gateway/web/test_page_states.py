"""Each state of the page, in the dark, and in Chinese on a phone: it keeps nobody out, fits, and is translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.gateway.web.conftest import OpenVisit
from tests.gateway.web.test_page_languages import PHONE, foreign_words, small_targets
from tests.gateway.web.visit import QUICK, Visit

Files = dict[str, dict[str, Any]]
State = Callable[[Visit, Files], None]

SLOW = {"background": "realesrgan", "enhancement_level": 3}
DAMAGED = {"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(200)}
TEXT = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
PROFILES: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "phone": {"locale": "zh-CN", **PHONE},
}


def options(visit: Visit, files: Files) -> None:
    visit.page.get_by_text(re.compile("^(Options|选项)$")).click()


def refused(visit: Visit, files: Files) -> None:
    visit.choose(TEXT)
    expect(visit.alert()).to_be_visible()


def working(visit: Visit, files: Files) -> None:
    visit.choose(files["large"])
    expect(visit.page.get_by_role("heading", name=re.compile("At work|In the queue|正在处理|排队中"))).to_be_visible()


def done(visit: Visit, files: Files) -> None:
    visit.choose(files["photo"])
    visit.done()
    visit.button("Outline faces", "标出人脸").click()
    visit.page.get_by_text(re.compile("All the numbers|全部数据")).click()
    visit.page.get_by_text(re.compile("Other options|其他选项")).click()


def saved(visit: Visit, files: Files) -> None:
    visit.choose(files["photo"])
    visit.done()
    with visit.page.expect_download():
        visit.button("Save", "保存").click()


def failed(visit: Visit, files: Files) -> None:
    visit.expected.append("status of 422")
    visit.choose(DAMAGED)
    expect(visit.alert()).to_be_visible()


def batch_working(visit: Visit, files: Files) -> None:
    visit.choose(files["archive"])
    expect(visit.page.get_by_role("progressbar")).to_be_visible()


def batch_done(visit: Visit, files: Files) -> None:
    visit.choose(files["archive"])
    visit.batch_done()
    expect(visit.page.get_by_role("listitem").filter(has_text="broken.jpg")).to_be_visible()


def batch_photo(visit: Visit, files: Files) -> None:
    batch_done(visit, files)
    visit.page.get_by_role("button", name="plain.jpg").click()
    expect(visit.page.get_by_role("dialog").get_by_role("img")).to_have_count(2)


STATES: list[tuple[State, dict[str, Any]]] = [
    (options, QUICK),
    (refused, QUICK),
    (working, SLOW),
    (done, QUICK),
    (saved, QUICK),
    (failed, QUICK),
    (batch_working, SLOW),
    (batch_done, QUICK),
    (batch_photo, QUICK),
]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("state", "chosen"), STATES, ids=[state.__name__ for state, _ in STATES])
def test_a_state_of_the_page(
    visit: OpenVisit,
    photo: dict[str, Any],
    large_photo: dict[str, Any],
    archive: dict[str, Any],
    state: State,
    chosen: dict[str, Any],
    profile: str,
) -> None:
    made = visit(options=chosen, **PROFILES[profile])
    state(made, {"photo": photo, "large": large_photo, "archive": archive})
    assert made.serious_faults() == []
    assert made.fits()
    if profile == "phone":
        assert small_targets(made) == []
        assert english_names(made) == []
        assert [word for word in foreign_words(made) if word not in NAMES_OF_FILES] == []


NAMES_OF_FILES = {"plain", "broken", "notes", "txt", "zip"}


def english_names(visit: Visit) -> list[str]:
    """What only screen readers are told, without a Chinese letter in it."""
    found: list[str] = visit.page.evaluate(
        """() => [...document.querySelectorAll("[aria-label], [alt], [title], [placeholder]")]
          .filter((each) => each.closest("[lang=en]") === null)
          .flatMap((each) => ["aria-label", "alt", "title", "placeholder"].map((name) => each.getAttribute(name)))
          .filter((text) => text && /[a-z]{2}/i.test(text) && !/[\\u4e00-\\u9fff]/.test(text))"""
    )
    return [text for text in found if not text.endswith(".jpg")]
