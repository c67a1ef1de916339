"""The chart's Redis, run as its container would: with its script, its configuration, and a password from a file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml
from starlette.requests import Request

from gateway.access.client import Client
from gateway.access.rate_limit import RateLimiter
from gateway.state.opening import open_store
from gateway.state.sealing import name_of, new_task_id
from limner.errors import QuotaExceeded
from limner.settings import PROJECT_ROOT, Settings
from serving.process import free_port
from tests.gateway.redis_server import require_redis
from tests.gateway.state.records import later, make_record
from tests.helm.chart import example, named, pod_of, render

PASSWORD = "a0B1c2D3e4F5g6H7i8J9"
PLACES = {"/etc/redis/redis.conf": "redis.conf", "/run/secrets/redis/password": "password"}
SECONDS = 20.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis as in the pod; its files lie elsewhere, its port is a free one, and its address is loopback."""
    program = require_redis()
    folder = tmp_path_factory.mktemp("redis")
    rendered = render(example("production", redis__maxMemoryMiB=64))
    configuration = named(rendered, "ConfigMap", "photos-limner-redis")["data"]["redis.conf"]
    assert "\nport 6379\nbind * -::*\n" in configuration
    free = free_port()
    configuration = configuration.replace("\nport 6379\nbind * -::*\n", f"\nport {free}\nbind 127.0.0.1\n")
    (folder / "redis.conf").write_text(configuration)
    (folder / "password").write_text(PASSWORD)

    (container,) = pod_of(rendered, "redis").containers
    (script,) = container["args"]
    for place, file in PLACES.items():
        assert place in script
        script = script.replace(place, str(folder / file))
    (folder / "bin").mkdir()
    (folder / "bin" / "redis-server").symlink_to(program)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    process = subprocess.Popen([*container["command"], script], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _await(free)
        assert PASSWORD.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"redis-server" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), "a shell would take the signals"
        yield free
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert sorted(path.name for path in folder.iterdir()) == ["bin", "password", "redis.conf"], "it wrote a file"
    finally:
        process.kill()
        process.wait()


def _await(free: int) -> None:
    with redis.Redis(port=free, password=PASSWORD, socket_timeout=1) as client:
        for _ in range(int(SECONDS * 10)):
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.1)
            else:
                return
    pytest.fail("redis-server did not start")


@pytest.fixture
def client(port: int) -> Iterator[redis.Redis]:
    with redis.Redis(port=port, password=PASSWORD, socket_timeout=5) as connected:
        yield connected


def test_nobody_comes_in_without_the_password(port: int) -> None:
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("limner:task:x")


def test_it_is_set_up_as_limner_asks(client: redis.Redis) -> None:
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("appendonly") == {"appendonly": "no"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("maxmemory") == {"maxmemory": str(64 << 20)}


@pytest.mark.parametrize(
    "command",
    [
        *("CONFIG SET dir /tmp", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "SHUTDOWN", "FLUSHALL"),
        *("KEYS *", "DEBUG SLEEP 0", "MONITOR", "ACL LIST", "MODULE LIST", "GET other:key", "SET other:key 1"),
    ],
)
def test_the_password_does_not_open_more_than_gateways_need(client: redis.Redis, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())  # type: ignore[no-untyped-call]


async def test_gateways_can_work_with_it(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Every command that a gateway sends is allowed, and its look at how Redis is set up finds nothing to warn of."""
    settings = Settings(redis_url=f"redis://:{PASSWORD}@127.0.0.1:{port}/0", rate_limit="2/minute")
    store, limiter = open_store(settings), RateLimiter.from_settings(settings)
    name, record = name_of(new_task_id()), make_record("completed")
    try:
        with caplog.at_level("WARNING"):
            await store.check()
        assert caplog.records == []
        await store.beat("me")
        assert await store.is_alive("me")
        await store.put_blob(name, "image", bytearray(3_000_000), later())
        await store.keep_blobs(name, later())
        assert await store.has_blob(name, "image")
        assert await store.get_blob(name, "image") == bytes(3_000_000)
        assert await store.write(name, record)
        assert await store.read(name) == record
        assert await store.take_blob(name, "image") == bytes(3_000_000)
        assert await store.clean(name) == record

        alice = Client("key:alice", "alice", frozenset({"enhance"}))
        for _ in range(2):
            await limiter.spend(Request({"type": "http", "state": {}}), alice)
        with pytest.raises(QuotaExceeded):
            await limiter.spend(Request({"type": "http", "state": {}}), alice)
    finally:
        await limiter.close()
        await store.close()


def test_it_is_the_redis_of_compose() -> None:
    """One image, and one configuration but for where the password comes from."""
    compose = yaml.safe_load((PROJECT_ROOT / "deploy/compose/compose.yaml").read_text("utf-8"))
    (container,) = pod_of(render(example("production")), "redis").containers
    assert container["image"] == f"docker.io/library/{compose['services']['redis']['image']}"
