"""Waiting for what happens in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from tests.gateway.replica import SECONDS, Replica


def until(condition: Callable[[], object], what: str = "it does not come about") -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def line_about(gateway: Replica, answer: httpx.Response) -> str:
    """The gateway's access line about a request, once it is there; those about earlier requests are there, too."""
    found: list[str] = []

    def look() -> bool:
        lines = [line for line in gateway.log.read_text().splitlines() if '"limner.access"' in line]
        found[:] = [line for line in lines if answer.headers["x-request-id"] in line]
        return bool(found)

    until(look, "the gateway has no line about it")
    return found[0]
