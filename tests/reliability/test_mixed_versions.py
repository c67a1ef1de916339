"""Gateways of two versions side by side: what one of them has written, the other reads, or says that it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from gateway.state.record import Record
from gateway.state.sealing import name_of
from limner.catalog import Catalog
from limner.errors import StateUnavailable
from tests.gateway.redis_server import RedisServer
from tests.gateway.replica import Replica
from tests.reliability.conftest import StartGateway
from tests.reliability.outcome import Alone
from tests.reliability.photos import CASES

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(120, func_only=True)

CASE = next(case for case in CASES if case.kind == "gray")

Change = Callable[[Callable[[dict[str, Any]], object]], None]


@pytest.fixture
def gateway(start_gateway: StartGateway, triton_url: str, redis_server: RedisServer) -> Replica:
    return start_gateway(triton_url, LIMNER_REDIS_URL=redis_server.url)


@pytest.fixture
def task_id(gateway: Replica) -> str:
    """Of a photo that is done."""
    made = gateway.submit(CASE.photo, CASE.fields)
    gateway.until(made, "completed")
    return made


@pytest.fixture
def rewrite(redis_server: RedisServer, task_id: str) -> Change:
    """Changes the record as a gateway of another version would have written it."""

    def change(made: Callable[[dict[str, Any]], object]) -> None:
        key = f"limner:task:{name_of(task_id)}"
        with redis.Redis.from_url(redis_server.url) as client:
            stored = client.get(key)
            assert isinstance(stored, bytes)
            record = json.loads(stored)
            made(record)
            client.set(key, json.dumps(record), px=60_000)

    return change


def test_fields_of_a_newer_version_are_passed_over(
    gateway: Replica, task_id: str, rewrite: Change, alone: Alone
) -> None:
    rewrite(lambda record: record.update(colour="blue", version=7, nested={"a": [1]}))
    assert gateway.state(task_id)["status"] == "completed"
    image = gateway.client.get(f"/v1/photos/{task_id}/image")
    assert image.status_code == 200
    alone.of(CASE)
    assert image.content == alone.images[CASE]
    gateway.until(task_id, "cleaned")


def test_fields_that_an_older_version_does_not_write_have_their_defaults(
    gateway: Replica, task_id: str, rewrite: Change
) -> None:
    rewrite(lambda record: [record.pop(name) for name in ("estimate", "queue_position", "skipped_files")])
    assert gateway.client.get(f"/v1/photos/{task_id}/image").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(status="paused"),
        lambda record: record.update(kind="film"),
        lambda record: record.pop("salt"),
        lambda record: record.pop("owner"),
    ],
    ids=["status", "kind", "no salt", "no owner"],
)
def test_what_is_not_understood_is_a_clear_503(
    gateway: Replica, task_id: str, rewrite: Change, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(change)
    place = f"/v1/photos/{task_id}"
    for answer in (
        gateway.client.get(place),
        gateway.client.get(f"{place}/events"),
        gateway.client.get(f"{place}/image"),
        gateway.client.delete(place),
    ):
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:limner:problem:state-unavailable")
        assert "another version" in answer.json()["detail"]
        assert "retry-after" in answer.headers
    # Others are not touched by it.
    gateway.until(gateway.submit(CASE.photo, CASE.fields), "completed")
    assert "unexpected" not in gateway.log.read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "7", "{}"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(StateUnavailable, match="another version"):
        Record.from_json(text)


def test_a_catalogue_of_a_newer_version_is_read() -> None:
    """A gateway asks Tritons for it, which may be newer."""
    entry = {"role": "detector", "model": "retinaface", "variant": "R50", "available": True, "colour": "blue"}
    (read,) = Catalog.from_json(json.dumps({"models": [entry], "version": 2})).entries
    assert (read.model, read.available) == ("retinaface", True)
