"""Servers that want a key: it is asked for, sent with every call, and kept nowhere."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest
from playwright.sync_api import Response, expect

from limner.settings import PROJECT_ROOT
from tests.gateway.replica import Replica
from tests.gateway.web.conftest import OpenGateway, OpenVisit
from tests.gateway.web.test_page_network import SLOW, task_of, until_gone
from tests.gateway.web.visit import Visit


@pytest.fixture
def keyed(special_gateway: OpenGateway) -> tuple[Replica, str]:
    command = [sys.executable, "-m", "cli.main", "key", "page"]
    told = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.split()
    key, entry = (next(word for word in told if word.startswith(start)) for start in ("limner_", "page:"))
    return special_gateway(LIMNER_API_KEYS=entry), key


def test_a_key_is_asked_for_and_kept_nowhere(
    visit: OpenVisit, keyed: tuple[Replica, str], photo: dict[str, Any]
) -> None:
    replica, key = keyed
    made = visit(port=replica.port)
    made.expected.append("status of 401")
    field = made.page.get_by_label("API key")
    assert made.serious_faults() == []
    field.fill("wrong")
    made.button("Use this key").click()
    expect(made.alert()).to_contain_text("not known")
    field.fill(key)
    made.button("Use this key").click()
    made.choose(photo)
    made.done()
    kept = made.page.evaluate(
        """async () => JSON.stringify([
          {...localStorage}, {...sessionStorage}, document.cookie, await indexedDB.databases(), await caches.keys(),
          (await navigator.serviceWorker.getRegistrations()).length,
        ])"""
    )
    assert key not in kept
    assert set(made.stored()) <= {"limner.options", "limner.language", "limner.theme"}
    assert kept.endswith('},{},"",[],[],0]')
    assert made.context.cookies() == []
    made.page.reload()
    expect(made.page.get_by_label("API key")).to_be_visible()


def unlocked(visit: Visit, key: str) -> list[Response]:
    """Give the key; all answers of the API from then on."""
    answers: list[Response] = []
    visit.page.get_by_label("API key").fill(key)
    visit.page.on("response", lambda answer: answers.append(answer) if "/v1/" in answer.url else None)
    visit.page.keyboard.press("Enter")
    expect(visit.button("Choose a photo")).to_be_visible()
    return answers


def test_every_call_has_the_key(
    visit: OpenVisit, keyed: tuple[Replica, str], photo: dict[str, Any], large_photo: dict[str, Any]
) -> None:
    """The events and the call that cancels, too."""
    replica, key = keyed
    replica.client.headers["X-API-Key"] = key
    made = visit(options=SLOW, port=replica.port)
    made.expected.append("status of 401")  # the first call, by which the page learns that a key is wanted
    answers = unlocked(made, key)
    made.choose(large_photo)
    expect(made.page.get_by_text("At work")).to_be_visible()
    task = task_of(made)
    made.button("Cancel").click()
    until_gone(replica, task)
    made.page.get_by_text("Options", exact=True).click()
    made.page.get_by_label("The rest of the picture").select_option("lanczos")
    made.choose(photo)
    made.done()
    methods = [(answer.request.method, answer.url.rsplit("/", 1)[-1]) for answer in answers]
    assert {("GET", "models"), ("POST", "photos"), ("GET", "events"), ("DELETE", task), ("GET", "image")} <= set(
        methods
    )
    assert [answer.url for answer in answers if answer.status >= 400] == []


def test_leaving_the_page_cancels_with_the_key(
    visit: OpenVisit, keyed: tuple[Replica, str], large_photo: dict[str, Any]
) -> None:
    replica, key = keyed
    made = visit(options=SLOW, port=replica.port)
    made.expected.append("status of 401")
    unlocked(made, key)
    made.choose(large_photo)
    task = task_of(made)
    assert httpx.get(f"{made.origin}/v1/photos/{task}").status_code == 401
    made.page.close()
    replica.client.headers["X-API-Key"] = key
    until_gone(replica, task)
