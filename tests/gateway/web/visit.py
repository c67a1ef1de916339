"""A visit to the page: what a person sees and does there, and what must never happen meanwhile."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from limner.settings import PROJECT_ROOT

AXE = PROJECT_ROOT / "gateway" / "web" / "node_modules" / "axe-core" / "axe.min.js"
QUICK = {"background": "lanczos", "restorer": "none"}
DONE_MILLISECONDS = 200_000
WAIT_SECONDS = 30.0

Upload = str | Path | dict[str, Any]


@dataclass
class Visit:
    """One page of a fresh profile.

    Attributes:
        faults: errors of the page, and whatever it asked of another host.
        expected: patterns of console lines that belong to the test, such as an answer of 429.
        asked: method and path of each request.
    """

    context: BrowserContext
    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._read)
        self.context.on("request", self._note)

    def _read(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self.faults.append(line.text)

    def _note(self, request: Request) -> None:
        if request.url.startswith(self.origin):
            path = request.url.removeprefix(self.origin).partition("?")[0]
            self.asked.append((request.method, path))
        elif not request.url.startswith("blob:"):
            self.faults.append(f"asked another host: {request.url}")

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(known, fault) for known in self.expected)]

    def uploads(self) -> list[tuple[str, str]]:
        return [call for call in self.asked if call[0] == "POST"]

    def open(self) -> None:
        self.page.goto(f"{self.origin}/")
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def choose(self, file: Upload) -> None:
        """Through the file chooser of the drop zone."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose a photo", "选择照片").click()
        chooser.value.set_files(file)  # type: ignore[arg-type]

    def button(self, *names: str) -> Locator:
        """A button by any of its names, such as those of both languages."""
        named = "|".join(re.escape(name) for name in names)
        return self.page.get_by_role("button", name=re.compile(f"^({named})$"))

    def done(self) -> None:
        """Until the result of a photo is there."""
        expect(self.button("Save", "保存")).to_be_visible(timeout=DONE_MILLISECONDS)

    def batch_done(self) -> None:
        expect(self.button("Save the archive", "保存压缩包")).to_be_visible(timeout=DONE_MILLISECONDS)

    def discard(self, *names: str) -> None:
        """Leave an unsaved result by this button, which asks first."""
        self.button(*names).click()
        self.button("Not saved: discard it", "尚未保存，仍要放弃").click()

    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    def until(self, expression: str) -> None:
        """Until this is true in the page, whose content policy forbids Playwright's own way of waiting."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, expression
            self.page.wait_for_timeout(50)

    def serious_faults(self) -> list[str]:
        """What axe finds to keep people out, by its own measure serious or critical."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
        ]

    def fits(self) -> bool:
        """Whether nothing is wider than the screen."""
        return bool(self.page.evaluate("document.scrollingElement.scrollWidth <= document.documentElement.clientWidth"))

    def stored(self) -> dict[str, str]:
        """All of the browser's local storage."""
        found: dict[str, str] = self.page.evaluate("({...localStorage})")
        return found


def remember(context: BrowserContext, options: dict[str, Any]) -> None:
    """Have the profile remember these options, as from an earlier visit."""
    text = json.dumps(json.dumps(options))
    context.add_init_script(
        f"if (location.protocol !== 'about:' && localStorage.getItem('limner.options') === null)"
        f" localStorage.setItem('limner.options', {text})"
    )


def refuse_options(route: Route) -> None:
    """Answer an upload as a server does that takes one of its options no more."""
    problem = {
        "type": "urn:limner:problem:invalid-option",
        "title": "Invalid option",
        "status": 422,
        "detail": "No.",
        "instance": "urn:limner:request:1",
        "request_id": "1",
    }
    route.fulfill(status=422, content_type="application/problem+json", body=json.dumps(problem))
