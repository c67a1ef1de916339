"""Clients that go on sending photos, each its own, while servers come and go."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.reliability.outcome import Alone, Outcome, difference, of_result, without_times
from tests.reliability.photos import Case

SECONDS = 60.0
PAUSE_SECONDS = 0.1
NOT_NOW = {429, 502, 503}


class Tally:
    """What became of the photos that several threads sent."""

    def __init__(self) -> None:
        self._sent: list[bool] = []
        self._right: list[Case] = []
        self.replaced = 0
        self.refused: list[str] = []
        """Types of the problems with which photos were not accepted; the client then tries again, as it is told to."""
        self.wrong: list[str] = []
        """Other results than alone, tasks that failed or are unknown, results that were not to be had."""

    @property
    def tried(self) -> int:
        return len(self._sent)

    @property
    def accepted(self) -> int:
        """Answered with 202, or with 200 where the answer is the result."""
        return sum(self._sent)

    @property
    def right(self) -> int:
        return len(self._right)

    def sent(self, *, accepted: bool) -> None:
        self._sent.append(accepted)

    def compare(self, case: Case, alone: Alone, got: Outcome) -> None:
        found = difference(alone.of(case), got)
        if found is None:
            self._right.append(case)
        else:
            self.wrong.append(f"{case.name}: other {found}")


Client = Callable[[], httpx.Client]
Send = Callable[[httpx.Client, Case, Alone, Tally], None]


def as_task(client: httpx.Client, case: Case, alone: Alone, tally: Tally, *, by_events: bool = False) -> None:
    """Hand a photo in, ask until it is over, fetch it; calls that a server refuses for the moment are made again."""
    answer = _until_taken(client, "/v1/photos", case, tally)
    place = answer.headers["location"]
    if by_events:
        _listen(client, place)
    state = _until_over(client, place)
    if state["status"] != "completed":
        tally.wrong.append(f"{case.name}: {state['status']}, {state['error_type']}")
        return
    image = _ask(client, f"{place}/image")
    if image.status_code != 200:
        tally.wrong.append(f"{case.name}: image {image.status_code}, {image.text}")
        return
    tally.compare(case, alone, _with_report(image, state["report"]))
    again = _ask(client, f"{place}/image")
    if again.status_code != 410:
        tally.wrong.append(f"{case.name}: fetched twice, {again.status_code}")


def told_by_events(client: httpx.Client, case: Case, alone: Alone, tally: Tally) -> None:
    as_task(client, case, alone, tally, by_events=True)


def at_once(client: httpx.Client, case: Case, alone: Alone, tally: Tally) -> None:
    """``POST /v1/enhance``, whose refusals are counted as lost photos: for gateways that stay."""
    answer = client.post("/v1/enhance", files={"file": (case.name, case.photo)}, data=case.fields)
    tally.sent(accepted=answer.status_code == 200)
    if answer.status_code != 200:
        tally.wrong.append(f"{case.name}: {answer.status_code}, {answer.text}")
        return
    tally.compare(case, alone, _with_report(answer, {}))


@contextlib.contextmanager
def kept_up(new_client: Client, senders: Sequence[tuple[Send, Case]], alone: Alone, tally: Tally) -> Iterator[None]:
    """One client for each sender, which sends its photo again and again until the block ends; then it finishes."""
    ended = threading.Event()

    def go_on(send: Send, case: Case) -> None:
        with new_client() as client:
            while not ended.is_set():
                send(client, case, alone, tally)

    with ThreadPoolExecutor(len(senders)) as pool:
        running = [pool.submit(go_on, *sender) for sender in senders]
        try:
            yield
        finally:
            ended.set()
    for each in running:
        each.result()


def _until_taken(client: httpx.Client, path: str, case: Case, tally: Tally) -> httpx.Response:
    deadline = time.monotonic() + SECONDS
    while True:
        answer = client.post(path, files={"file": (case.name, case.photo)}, data=case.fields)
        tally.sent(accepted=answer.status_code == 202)
        if answer.status_code == 202:
            return answer
        assert answer.status_code in NOT_NOW, answer.text
        tally.refused.append(answer.json()["type"].rpartition(":")[2])
        assert time.monotonic() < deadline, tally.refused
        time.sleep(PAUSE_SECONDS)


def _ask(client: httpx.Client, path: str) -> httpx.Response:
    deadline = time.monotonic() + SECONDS
    while (answer := client.get(path)).status_code in NOT_NOW and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return answer


def _until_over(client: httpx.Client, place: str) -> dict[str, object]:
    deadline = time.monotonic() + SECONDS
    while True:
        answer = _ask(client, place)
        if answer.status_code != 200:
            return {"status": f"unknown ({answer.status_code})", "error_type": None}
        state: dict[str, object] = answer.json()
        if state["status"] not in {"pending", "processing"}:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(PAUSE_SECONDS)


def _listen(client: httpx.Client, place: str) -> None:
    """Until the stream ends; one that was cut is followed by the question how far it is."""
    with contextlib.suppress(httpx.RemoteProtocolError), client.stream("GET", f"{place}/events") as stream:
        for _ in stream.iter_lines():
            pass


def _with_report(answer: httpx.Response, report: object) -> Outcome:
    made = of_result(answer.content, json.loads(answer.headers["limner-report"]))
    whole = without_times(report) if isinstance(report, dict) and report else ""
    return Outcome(made.sha256, whole, made.compact)
