"""A server that goes away while it has a task, and comes back; or does not."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from limner.client import Batch, Limner, Task, outages
from limner.client.events import Event
from limner.client.outages import Outage
from limner.errors import Gone, ServerUnreachable
from tests.limner.limner_server import (
    BATCH,
    ID,
    PHOTO,
    REPORT,
    StandIn,
    broken,
    image,
    listening,
    problem,
    states,
    stream,
)

AWAY_SECONDS = 0.5
"""Long beside the pauses here: more attempts fall into it than the three that once were all."""

DONE = b"event: done\ndata: " + json.dumps({"task_id": ID, "batch_id": ID, "status": "completed"}).encode() + b"\n\n"
QUEUED = b'event: queue\ndata: {"queue_position": 1}\n\n'


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(outages, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def place() -> tuple[str, int]:
    """An address that no other test has, so that its port is still free when the server comes back."""
    numbers = random.SystemRandom()
    return f"127.{numbers.randint(1, 254)}.{numbers.randint(0, 254)}.{numbers.randint(1, 254)}", numbers.randint(
        20_000, 29_999
    )


def follow(task: Task | Batch) -> Any:
    return [event.name for event in task.events()]


def wait(task: Task | Batch) -> Any:
    return task.wait().status


def fetch(task: Task | Batch) -> Any:
    assert isinstance(task, Task)
    return task.fetch().image


@pytest.mark.parametrize(
    ("ask", "gives"), [(follow, ["done"]), (wait, "completed"), (fetch, b"picture")], ids=["follow", "wait", "fetch"]
)
def test_a_server_that_comes_back_goes_on_with_the_task(
    place: tuple[str, int], ask: Callable[[Task], Any], gives: Any
) -> None:
    app = StandIn()
    app.will(f"GET {PHOTO}", states("completed", report=REPORT))
    app.will(f"GET {PHOTO}/image", image())
    app.will(f"GET {PHOTO}/events", stream(DONE))
    got: list[Any] = []
    with Limner("http://{}:{}".format(*place)) as client:
        thread = threading.Thread(target=lambda: got.append(ask(client.task(ID))))
        thread.start()
        time.sleep(AWAY_SECONDS)
        with listening(app, place):
            thread.join()
    assert got == [gives]


def test_a_stream_goes_on_after_the_server_was_away(place: tuple[str, int]) -> None:
    app, rest = StandIn(), list[Event[Any]]()
    app.will(f"GET {BATCH}/events", stream(QUEUED), stream(DONE))
    with Limner("http://{}:{}".format(*place)) as client:
        with listening(app, place):
            events = client.batch(ID).events()
            assert next(events).name == "queue"
        thread = threading.Thread(target=lambda: rest.extend(events))
        thread.start()
        time.sleep(AWAY_SECONDS)
        with listening(app, place):
            thread.join()
    assert [event.name for event in rest] == ["done"]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    app = StandIn()
    with listening(app) as app.url:
        yield app


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_without_a_server_is_waited_out(stand_in: StandIn, tmp_path: Path, status: int) -> None:
    away = [PlainTextResponse("<html>", status)] * 6
    stand_in.will(f"GET {BATCH}/events", *away, stream(QUEUED), *away, stream(DONE))
    stand_in.will(f"GET {BATCH}", *away, states("completed"))
    stand_in.will(f"GET {BATCH}/archive", *away, Response(b"PK", media_type="application/zip"))
    stand_in.will(f"GET {PHOTO}", *away, states("completed", report=REPORT))
    stand_in.will(f"GET {PHOTO}/image", *away, image())
    with Limner(stand_in.url) as client:
        assert follow(client.batch(ID)) == ["queue", "done"]
        assert wait(client.batch(ID)) == "completed"
        client.batch(ID).save(tmp_path / "out.zip")
        assert fetch(client.task(ID)) == b"picture"
    assert (tmp_path / "out.zip").read_bytes() == b"PK"


def test_what_is_gone_after_a_break_is_not_asked_for_again(stand_in: StandIn) -> None:
    stand_in.will(f"GET {PHOTO}", states("completed", report=REPORT), states("cleaned"))
    stand_in.will(f"GET {PHOTO}/image", broken(b"pict", "image/png"), problem("gone"))
    with Limner(stand_in.url) as client, pytest.raises(Gone):
        client.task(ID).fetch()


@pytest.mark.parametrize("call", ["events", "wait", "fetch", "save"])
def test_a_server_that_stays_away_leaves_word_of_the_result(
    place: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(outages, "OUTAGE_SECONDS", 0.1)
    kind, result = ("batches", "archive") if call == "save" else ("photos", "image")
    with Limner("http://{}:{}".format(*place)) as client:
        task: Any = client.batch(ID) if call == "save" else client.task(ID)
        with pytest.raises(ServerUnreachable, match=f"cannot be reached.* the result is at v1/{kind}/{ID}/{result} "):
            list(task.events()) if call == "events" else getattr(task, call)(*[tmp_path / "x.zip"] * (call == "save"))
    assert not list(tmp_path.iterdir())


def test_pauses_grow_and_end_with_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(outages, "FIRST_PAUSE", 1.0)
    monkeypatch.setattr(outages, "LONGEST_PAUSE", 8.0)
    monkeypatch.setattr(outages, "time", SimpleNamespace(monotonic=lambda: now))
    outage, error, pauses = Outage("v1/photos/x/image"), ServerUnreachable("It is away."), []
    for _ in range(10):
        pauses.append(outage.next(error))
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 8, 8, 8, 8, 8, 5]
    with pytest.raises(ServerUnreachable, match=r"^It is away\. .* v1/photos/x/image "):
        outage.next(error)
    outage.over()
    now += 1000
    assert outage.next(error) == 1
