"""A real Chromium, for the page: found, or as root installed, or missed by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require_chromium() -> str:
    """Where it is. Skips the test, by name, where there is none; fails where nothing may be skipped."""
    found = find_chromium()
    if found is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", "chromium"]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)
        found = find_chromium()
    if found is None and os.environ.get("LIMNER_REQUIRE_ALL") == "1":
        pytest.fail("Chromium is missing: apt-get install chromium")
    if found is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Playwright's loop runs in this thread for as long as the block lasts: no asynchronous test may."""
    executable = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
