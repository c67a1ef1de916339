"""Two gateways, processes of their own, behind one Redis and one Triton."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.gateway.redis_server import RedisServer
from tests.gateway.replica import SECONDS, Replica

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(300)

QUICK = {"background": "lanczos", "restorer": "none"}
SLOW = {"background": "realesrgan", "restorer": "none"}

MakePhoto = Callable[..., bytes]


@pytest.fixture
def start_replica(redis_server: RedisServer, triton_url: str, tmp_path: Path) -> Iterator[Callable[..., Replica]]:
    started: list[Replica] = []

    def start(**settings: str) -> Replica:
        replica = Replica(
            triton_url,
            tmp_path / f"replica-{len(started)}.log",
            LIMNER_REDIS_URL=redis_server.url,
            **settings,
        )
        started.append(replica)
        return replica

    yield start
    for replica in started:
        replica.stop()


@pytest.fixture
def replicas(start_replica: Callable[..., Replica]) -> tuple[Replica, Replica]:
    one, other = start_replica(), start_replica()
    return one.wait(), other.wait()


def test_any_replica_answers_and_one_delivers(replicas: tuple[Replica, Replica], make_photo: MakePhoto) -> None:
    one, other = replicas
    task_id = one.submit(make_photo("PNG", (48, 32)), QUICK)
    state = other.until(task_id, "completed")
    assert state["report"]["output"]["width"] == 96
    with other.client.stream("GET", f"/v1/photos/{task_id}/events") as events:
        assert "event: done" in events.read().decode()
    answer = other.client.get(f"/v1/photos/{task_id}/image")
    assert answer.status_code == 200
    assert json.loads(answer.headers["limner-report"])["output"]["bytes"] == len(answer.content)
    assert one.client.get(f"/v1/photos/{task_id}/image").status_code == 410
    assert one.state(task_id)["status"] == "cleaned"


def test_what_one_replica_works_on_another_cancels(replicas: tuple[Replica, Replica], make_photo: MakePhoto) -> None:
    one, other = replicas
    task_id = one.submit(make_photo("PNG", (768, 768)), SLOW)
    other.until(task_id, "processing")
    assert other.client.delete(f"/v1/photos/{task_id}").status_code == 200
    deadline = time.monotonic() + SECONDS
    while "active_tasks 1.0" in one.client.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert one.state(task_id)["status"] == other.state(task_id)["status"] == "cleaned"


def test_tasks_of_a_killed_replica_fail(replicas: tuple[Replica, Replica], make_photo: MakePhoto) -> None:
    one, other = replicas
    task_id = one.submit(make_photo("PNG", (768, 768)), SLOW)
    waiting = one.submit(make_photo(), QUICK)
    other.until(task_id, "processing")
    one.kill()
    for lost in (task_id, waiting):
        state = other.until(lost, "failed", "completed")
        if lost == task_id:
            assert state["status"] == "failed"
            assert state["error_type"] == "inference-unavailable"
            assert "again" in state["error_message"]
            assert other.client.get(f"/v1/photos/{lost}/image").status_code == 409
    survivor = other.submit(make_photo(), QUICK)
    other.until(survivor, "completed")


def test_redis_away_means_503_and_no_work_is_lost(
    replicas: tuple[Replica, Replica], redis_server: RedisServer, make_photo: MakePhoto
) -> None:
    one, other = replicas
    running = one.submit(make_photo("PNG", (300, 300)), SLOW)
    redis_server.stop()
    try:
        for replica in replicas:
            for answer in (
                replica.client.get(f"/v1/photos/{running}"),
                replica.client.post("/v1/photos", files={"file": make_photo()}, data=QUICK),
            ):
                assert answer.status_code == 503
                assert answer.json()["type"] == "urn:limner:problem:state-unavailable"
                assert int(answer.headers["retry-after"]) > 0
            assert replica.client.get("/healthz").status_code == 200
            # What needs no state works on.
            assert replica.client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK).status_code == 200
    finally:
        redis_server.start()
    # Redis kept nothing; whoever works on the task writes it anew.
    deadline = time.monotonic() + SECONDS
    while other.client.get(f"/v1/photos/{running}").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    other.until(running, "completed")
    assert other.client.get(f"/v1/photos/{running}/image").status_code == 200


def test_the_allowance_is_one_for_all_replicas(start_replica: Callable[..., Replica], make_photo: MakePhoto) -> None:
    replicas = [start_replica(LIMNER_RATE_LIMIT="3/minute") for _ in range(2)]
    one, other = (replica.wait() for replica in replicas)
    statuses = [
        replica.client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK).status_code
        for replica in (one, other, one, other)
    ]
    assert statuses == [200, 200, 200, 429]


def test_a_replica_that_is_stopped_finishes_what_it_works_on(
    start_replica: Callable[..., Replica], make_photo: MakePhoto
) -> None:
    replicas = [start_replica(LIMNER_SHUTDOWN_TIMEOUT="60") for _ in range(2)]
    one, other = (replica.wait() for replica in replicas)
    task_id = one.submit(make_photo("PNG", (150, 150)), SLOW)
    other.until(task_id, "processing")
    assert one.stop() == 0
    assert other.state(task_id)["status"] == "completed"
    assert other.client.get(f"/v1/photos/{task_id}/image").status_code == 200


def test_nothing_in_redis_is_readable(
    replicas: tuple[Replica, Replica], redis_server: RedisServer, make_photo: MakePhoto
) -> None:
    one, _ = replicas
    task_id = one.submit(make_photo("PNG", (64, 64)), {**QUICK, "output_format": "png"})
    one.until(task_id, "completed")
    with redis.Redis.from_url(redis_server.url) as client:
        keys = list(client.scan_iter())
        assert all(client.pttl(key) > 0 for key in keys)
        kept = b"".join(value for key in keys for value in values(client, key))
    result = one.client.get(f"/v1/photos/{task_id}/image").content
    assert len(kept) > len(result)
    assert not any(result[start : start + 16] in kept for start in range(len(result) - 16))
    for secret in (task_id.encode(), b"sharpness_score", b"IHDR", b"a.png"):
        assert secret not in kept
        assert not any(secret in key for key in keys)


def values(client: redis.Redis, key: bytes) -> list[Any]:
    """All that lies under a key, whatever its type: bytes, for the client decodes nothing."""
    kind = client.type(key)
    if kind == b"string":
        return [client.get(key)]
    if kind == b"hash":
        return list(client.hvals(key))
    if kind == b"set":
        return list(client.smembers(key))
    if kind == b"zset":
        return [member for member, _ in client.zscan_iter(key)]
    assert kind == b"list", kind
    return list(client.lrange(key, 0, -1))
