"""Makes the pictures of ``docs/page.md``: ``python -m tests.gateway.web.screenshots URL`` against a running gateway.

Each state of the page with the public-domain portrait of scikit-image; the gateway has to run with
``LIMNER_RATE_LIMIT=off``.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Callable
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page
from skimage import data

from limner.settings import PROJECT_ROOT
from tests.gateway.web.browser import running_browser
from tests.gateway.web.visit import Visit, remember

FOLDER = PROJECT_ROOT / "docs" / "page"
LAPTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 1.5,
    "locale": "zh-CN",
}
QUICK = {"background": "lanczos", "enhancement_level": 3}
CLEAR = {"background": "realesrgan", "enhancement_level": 3}
QUALITY = 88


def portrait(left: int = 130, top: int = 0, side: int = 100) -> bytes:
    """The face, small and blocky."""
    crop = Image.fromarray(data.astronaut()).crop((left, top, left + 200, top + 250))  # type: ignore[no-untyped-call]
    encoded = io.BytesIO()
    crop.resize((side, side * 5 // 4), Image.Resampling.BOX).save(encoded, "JPEG", quality=70)
    return encoded.getvalue()


def photo() -> dict[str, Any]:
    return {"name": "portrait.jpg", "mimeType": "image/jpeg", "buffer": portrait()}


def archive() -> dict[str, Any]:
    packed = io.BytesIO()
    coffee = io.BytesIO()
    Image.fromarray(data.coffee()).resize((150, 100)).save(coffee, "PNG")  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(packed, "w") as writer:
        for number, (left, top, side) in enumerate([(130, 0, 100), (140, 10, 90), (120, 0, 200), (110, 0, 120)], 1):
            writer.writestr(f"三年二班/{number}.jpg", portrait(left, top, side))
        writer.writestr("三年二班/茶歇.png", coffee.getvalue())
        writer.writestr("三年二班/坏.jpg", b"\xff\xd8\xff\xe0" + bytes(500))
        writer.writestr("说明.txt", "notes")
    return {"name": "三年二班.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}


def taken(page: Page, name: str, whole: bool = True) -> None:
    page.wait_for_timeout(700)  # what fades in, is there
    with Image.open(io.BytesIO(page.screenshot(full_page=whole))) as picture:
        picture.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


def start(visit: Visit) -> None:
    taken(visit.page, "start")
    visit.page.get_by_text("Options", exact=True).click()
    taken(visit.page, "options")


def working(visit: Visit) -> None:
    visit.choose(photo())
    visit.page.get_by_role("progressbar").wait_for()
    taken(visit.page, "working")


def result(visit: Visit) -> None:
    visit.choose(photo())
    visit.done()
    visit.button("Outline faces").click()
    taken(visit.page, "photo")


def numbers(visit: Visit) -> None:
    visit.choose(photo())
    visit.done()
    visit.page.get_by_text("All the numbers").click()
    taken(visit.page, "numbers")


def phone(visit: Visit) -> None:
    taken(visit.page, "phone-start")
    visit.choose(photo())
    visit.done()
    taken(visit.page, "phone")


def batch(visit: Visit) -> None:
    visit.choose(archive())
    visit.page.get_by_role("heading", name=re.compile("^[1-4] of 7$")).wait_for()
    taken(visit.page, "batch-working")
    visit.batch_done()
    taken(visit.page, "batch")
    visit.page.get_by_role("button", name="1.jpg").click()
    taken(visit.page, "batch-photo", whole=False)


def refused(visit: Visit) -> None:
    visit.choose({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff" + bytes(25_000_000)})
    visit.alert().wait_for()
    taken(visit.page, "refused")


def lost(visit: Visit) -> None:
    """The network fails as the result comes."""
    visit.page.route("**/image", lambda route: route.abort("connectionreset"))
    visit.choose(photo())
    visit.alert().wait_for()
    taken(visit.page, "lost")


def failed(visit: Visit) -> None:
    visit.choose({"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(200)})
    visit.alert().wait_for()
    taken(visit.page, "failed")


STATES: list[tuple[Callable[[Visit], None], dict[str, Any], dict[str, Any]]] = [
    (start, LAPTOP, CLEAR),
    (working, LAPTOP, {**CLEAR, "enhancement_level": 4}),
    (result, LAPTOP, CLEAR),
    (numbers, {**LAPTOP, "color_scheme": "dark"}, CLEAR),
    (phone, PHONE, CLEAR),
    (batch, LAPTOP, CLEAR),
    (refused, LAPTOP, QUICK),
    (lost, LAPTOP, QUICK),
    (failed, LAPTOP, QUICK),
]


def make(browser: Browser, url: str) -> None:
    for state, profile, options in STATES:
        context = browser.new_context(**{"locale": "en-US", **profile})
        remember(context, options)
        visit = Visit(context, context.new_page(), url.rstrip("/"))
        visit.open()
        state(visit)
        context.close()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running_browser() as browser:
        make(browser, sys.argv[1])


if __name__ == "__main__":
    main()
