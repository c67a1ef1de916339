"""One fault while ten tasks run: what became of them, what readiness said, and how long it took to recover."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.faults.catalogue import FORGOTTEN, Fault
from tests.faults.load import PHOTOS, TASKS, Pixels, Round, Tally, alike, pixels_of
from tests.faults.site import Site, until

_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Drill:
    """The outcome. ``recovery_seconds``: from the end of the fault, or where it has none, as with a killed process,
    from its beginning, until every gateway serves again."""

    fault: str
    tally: Tally
    was_unready: bool
    recovery_seconds: float
    triton_restarts: int

    def unexpected(self, fault: Fault) -> dict[str, int]:
        """Endings of tasks that this fault must not have, or not so often."""
        ended = {**self.tally.failures, **({FORGOTTEN: self.tally.forgotten} if self.tally.forgotten else {})}
        if sum(ended.values()) > fault.most:
            return ended
        return {ending: number for ending, number in ended.items() if ending not in fault.endings}

    def figures(self) -> dict[str, object]:
        """Ready for JSON; what is counted comes as plain numbers by name."""
        counted = {name: dict(value) for name, value in vars(self.tally).items() if isinstance(value, Counter)}
        return {**vars(self), "tally": {**vars(self.tally), **counted}}


def drill(site: Site, fault: Fault, expected: list[Pixels]) -> Drill:
    """Break something with ten tasks at work, and wait for the end of each and for recovery."""
    restarts = site.triton.restarts
    tasks = Round(site, expected)
    until(tasks.begun, "the first task's end")
    with readiness_watched(site) as unready:
        mend = fault.inject(site)
        broken = time.monotonic()
        mend()
        until(lambda: serves(site, expected), "recovery")
        seconds = time.monotonic() - broken
        tally = tasks.finish()
    assert tally.total == TASKS
    return Drill(fault.name, tally, unready.is_set(), round(seconds, 1), site.triton.restarts - restarts)


def serves(site: Site, expected: list[Pixels]) -> bool:
    """Whether every gateway is ready and gives the right result, with a network and without."""
    for number, gateway in enumerate(site.gateways):
        if not site.is_ready(number):
            return False
        for photo in PHOTOS[:2]:
            upload = {"file": ("a.png", photo.encoded())}
            try:
                answer = gateway.client.post("/v1/enhance", files=upload, data=photo.options, timeout=60)
            except httpx.TransportError:
                return False
            if answer.status_code != 200:
                return False
            assert alike(pixels_of(answer.content), expected[photo.number])
    return True


@contextmanager
def readiness_watched(site: Site) -> Iterator[threading.Event]:
    """The event is set once a gateway that runs says that it is not ready."""
    seen, done = threading.Event(), threading.Event()
    urls = [f"http://127.0.0.1:{gateway.port}/readyz" for gateway in site.gateways]

    def look() -> None:
        with httpx.Client(timeout=5) as client:
            while not done.wait(_LOOK_SECONDS):
                for url in urls:
                    try:
                        if client.get(url).status_code == 503:
                            seen.set()
                    except httpx.TransportError:
                        continue

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
