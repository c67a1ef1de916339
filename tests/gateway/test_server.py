"""How the server ends: real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from limner.settings import PROJECT_ROOT
from tests.gateway.running import serving

pytestmark = pytest.mark.timeout(60)


class Process:
    """The stoppable server as a process; its words one by one."""

    def __init__(self, shutdown_timeout: float) -> None:
        command = [sys.executable, "-m", "tests.gateway.stoppable_server", str(shutdown_timeout)]
        self.child = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{self.word()}"
        self.answer: httpx.Response | httpx.HTTPError | None = None
        self._request = threading.Thread(target=self._ask)

    def word(self) -> str:
        assert self.child.stdout is not None
        return self.child.stdout.readline().strip()

    def begin(self) -> None:
        """Have a slow request under way."""
        self._request.start()
        assert self.word() == "begun"

    def _ask(self) -> None:
        try:
            self.answer = httpx.get(f"{self.url}/slow", timeout=60)
        except httpx.HTTPError as error:
            self.answer = error

    def end(self) -> list[str]:
        """Wait for the request and the process; the words that were left."""
        self._request.join(60)
        words, errors = self.child.communicate(timeout=60)
        assert "Traceback" not in errors
        return words.split()


@pytest.fixture
def start() -> Iterator[Callable[[float], Process]]:
    started: list[Process] = []

    def started_one(shutdown_timeout: float) -> Process:
        started.append(Process(shutdown_timeout))
        return started[-1]

    yield started_one
    for process in started:
        process.child.kill()
        process.child.communicate()


def test_sigterm_lets_a_request_finish_while_others_are_still_answered(start: Callable[[float], Process]) -> None:
    process = start(3600)
    process.begin()
    process.child.send_signal(signal.SIGTERM)
    assert process.word() == "draining"
    assert httpx.get(f"{process.url}/release").status_code == 200
    assert process.end() == ["drained", "wiped"]
    assert isinstance(process.answer, httpx.Response)
    assert (process.answer.status_code, process.answer.json()) == (200, "finished")
    assert process.child.returncode == -signal.SIGTERM


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once_and_wipes(start: Callable[[float], Process], second: signal.Signals) -> None:
    process = start(3600)
    process.begin()
    process.child.send_signal(signal.SIGTERM)
    assert process.word() == "draining"
    process.child.send_signal(second)
    assert process.end()[-1] == "wiped"
    assert isinstance(process.answer, httpx.TransportError)


def test_request_that_takes_too_long_is_told_so(start: Callable[[float], Process]) -> None:
    process = start(0.2)
    process.begin()
    process.child.send_signal(signal.SIGTERM)
    assert process.word() == "draining"
    assert "wiped" in process.end()
    assert isinstance(process.answer, httpx.Response)
    assert process.answer.status_code == 503
    assert process.answer.json()["type"] == "urn:limner:problem:shutting-down"


def test_idle_server_ends_without_waiting(start: Callable[[float], Process]) -> None:
    process = start(3600)
    with httpx.Client(base_url=process.url) as kept_alive:
        kept_alive.get("/release")
        process.child.send_signal(signal.SIGTERM)
        words, _ = process.child.communicate(timeout=60)
    assert words.split() == ["draining", "drained", "wiped"]


async def test_drain_that_fails_does_not_stop_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def drain() -> None:
        raise KeyError("secret")

    async with serving(drain=drain):
        pass
    assert "unexpected KeyError in test_server.drain" in caplog.text
    assert "secret" not in caplog.text
