"""Canaries to several servers: one that works makes the gateway ready, and the others are known."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import grpc
import pytest

from gateway import inference
from gateway.addresses import Address, Addresses
from gateway.balance import Balance
from gateway.failover import Failover
from gateway.inference import CHANNEL_ARGUMENTS as ARGUMENTS
from gateway.readiness import Readiness, watch
from gateway.triton import TritonClient
from limner.endpoints import parse_endpoints
from limner.errors import InferenceUnavailable
from limner.options import Options
from tests.gateway.fake_triton import (
    DEAD_STUB,
    EMPTY_SETTINGS,
    FULL,
    RESULT,
    FakeTriton,
    listening,
    misbehaving,
    says_nothing,
)

pytestmark = pytest.mark.timeout(60)

NOBODY = "127.0.0.1:1"
INTERNAL = grpc.StatusCode.INTERNAL
INTERVAL = 0.2


@dataclass
class Watched:
    """A client whose servers are watched."""

    client: TritonClient
    readiness: Readiness
    outcomes: Counter[bool] = field(default_factory=Counter)

    async def enhance(self) -> bytes:
        return (await self.client.enhance(b"photo", Options(), request_id="test", timeout=30.0)).image

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await asyncio.sleep(0.01)

    def ready(self) -> bool:
        with contextlib.suppress(InferenceUnavailable):
            self.readiness.check()
            return True
        return False


Watch = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture(autouse=True)
def _first_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of servers that were never used, the first one, instead of any."""
    monkeypatch.setattr("gateway.balance.random.random", lambda: 0.5)


@pytest.fixture
def watched() -> Watch:
    @contextlib.asynccontextmanager
    async def opened(*addresses: str, interval: float = INTERVAL) -> AsyncIterator[Watched]:
        watched = Watched(TritonClient(",".join(addresses)), Readiness(interval))
        watching = asyncio.create_task(
            watch(watched.readiness, watched.client, lambda passed: watched.outcomes.update([passed]))
        )
        try:
            yield watched
            assert not watching.done()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await watched.client.close()

    return opened


@pytest.fixture
async def servers() -> AsyncIterator[tuple[FakeTriton, FakeTriton]]:
    async with listening(FakeTriton()) as one, listening(FakeTriton()) as other:
        yield one, other


async def test_dead_inside_is_found_before_any_photo_is(
    watched: Watch,
    servers: tuple[FakeTriton, FakeTriton],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.balance.AVOID_SECONDS", 0.0)  # a canary's word must not depend on it
    dead, alive = servers
    dead.refusal = (INTERNAL, DEAD_STUB)
    with caplog.at_level(logging.WARNING, "limner.readiness"):
        async with watched(dead.address, alive.address) as gateway:
            await gateway.until(lambda: gateway.ready() and gateway.client.avoided == 1)
            assert [await gateway.enhance() for _ in range(3)] == [RESULT] * 3
            assert (len(dead.photos), len(alive.photos)) == (0, 3)
            dead.refusal = None
            await gateway.until(lambda: gateway.client.avoided == 0)
            await gateway.enhance()
            await gateway.enhance()
            assert len(dead.photos) == 1
            assert gateway.outcomes[True] >= 2
            assert gateway.outcomes[False] >= 1
    assert [record.getMessage() for record in caplog.records] == [
        f"canary of {dead.address}: inference-unavailable",
        f"canary of {dead.address}: passes again",
    ]


async def test_a_server_without_an_answer_keeps_no_other_waiting(
    watched: Watch, servers: tuple[FakeTriton, FakeTriton], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: Counter[str] = Counter()
    most = 0

    async def counted(client: TritonClient, address: Address, timeout: float) -> None:
        nonlocal most
        at_work[address.target] += 1
        most = max(most, at_work[address.target])
        try:
            await canary(client, address, timeout)
        finally:
            at_work[address.target] -= 1

    canary = TritonClient.canary
    monkeypatch.setattr(TritonClient, "canary", counted)
    async with misbehaving(says_nothing) as silent, watched(silent, servers[0].address) as gateway:
        await gateway.until(lambda: gateway.client.avoided == 1)
        before = servers[0].canaries
        await gateway.until(lambda: servers[0].canaries >= before + 5)
        assert gateway.ready()
    assert most == 1


async def test_a_server_that_failed_a_photo_is_sent_a_canary_at_once(
    watched: Watch, servers: tuple[FakeTriton, FakeTriton], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.balance.AVOID_SECONDS", 3600.0)
    one, other = servers
    async with watched(one.address, other.address, interval=100.0) as gateway:
        await gateway.until(lambda: gateway.outcomes[True] == 2)
        one.refusal = (INTERNAL, DEAD_STUB)
        assert await gateway.enhance() == RESULT
        one.refusal = None
        assert gateway.client.avoided == 1
        await gateway.until(lambda: gateway.client.avoided == 0)
        assert (one.canaries, other.canaries) == (2, 1)


async def test_a_server_that_is_named_no_longer_is_watched_while_it_works() -> None:
    gone, balance = Address("127.0.0.1:1", "triton:8001"), Balance()
    failover = Failover(Addresses(parse_endpoints("127.0.0.1:2")), balance, lambda _: None)
    with balance.at_work(gone):
        assert list(map(str, await failover.due(1.0))) == ["127.0.0.1:2", "127.0.0.1:1"]
    assert list(map(str, await failover.due(1.0))) == ["127.0.0.1:2"]


async def test_photos_at_a_machine_that_has_vanished_are_given_to_another(
    watched: Watch, servers: tuple[FakeTriton, FakeTriton], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stays open, and nothing ever comes."""
    quicker = [(name, 1200 if name == "grpc.min_reconnect_backoff_ms" else value) for name, value in ARGUMENTS]
    monkeypatch.setattr(inference, "CHANNEL_ARGUMENTS", quicker)
    here, other = asyncio.Event(), servers[0]
    here.set()
    photos = 0

    async def vanishes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal photos
        if here.is_set():
            writer.write(EMPTY_SETTINGS)
            while b"face_enhance" not in await reader.read(65_536):
                pass
            photos += 1
            here.clear()
        await says_nothing(reader, writer)

    async with misbehaving(vanishes) as machine:
        client = TritonClient(f"{machine},{other.address}")
        lost = asyncio.create_task(client.enhance(b"photo", Options(), request_id="test", timeout=30.0))
        while not photos:
            await asyncio.sleep(0.01)
        watching = asyncio.create_task(watch(Readiness(1.0), client, lambda _: None))
        assert (await lost).image == RESULT
        assert other.photos == [b"photo"]
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await client.close()


async def test_a_refused_connection_ends_no_photo_at_work(
    watched: Watch, servers: tuple[FakeTriton, FakeTriton]
) -> None:
    """So does a server that has been told to end, and finishes what it has begun."""
    one, other = servers
    one.open.clear()
    connection: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connection:
            return
        connection.append(writer)
        there, onward = await asyncio.open_connection(*one.address.split(":"))
        try:
            await asyncio.gather(pump(reader, onward), pump(there, writer))
        finally:
            onward.transport.abort()  # the end of the test comes before the client's

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            sink.write(piece)
        sink.close()

    async with misbehaving(relay) as ending:
        client = TritonClient(f"{ending},{other.address}")
        working = asyncio.create_task(client.enhance(b"photo", Options(), request_id="test", timeout=30.0))
        while not one.photos:
            await asyncio.sleep(0.01)
        outcomes: Counter[bool] = Counter()
        watching = asyncio.create_task(watch(Readiness(INTERVAL), client, lambda passed: outcomes.update([passed])))
        while outcomes[False] < 4:
            await asyncio.sleep(0.01)
        one.open.set()
        assert (await working).image == RESULT
        assert (len(one.photos), other.photos) == (1, [])
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await client.close()


async def test_full_is_alive(watched: Watch, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    one.refusal = (INTERNAL, FULL)
    async with watched(one.address, other.address) as gateway:
        await gateway.until(lambda: gateway.outcomes[False] >= 2)
        assert gateway.client.avoided == 0


async def test_none_that_works_is_not_ready(watched: Watch) -> None:
    async with watched(NOBODY, "127.0.0.1:2") as gateway:
        await gateway.until(lambda: gateway.client.avoided == 2)
        with pytest.raises(InferenceUnavailable, match="Not ready: The inference server cannot be reached"):
            gateway.readiness.check()


async def test_no_name_that_is_known_is_not_ready(watched: Watch) -> None:
    async with watched(f"{'x' * 64}:8001") as gateway:
        await gateway.until(lambda: "cannot be reached" in gateway.readiness._reason)
        assert not gateway.ready()
        assert not gateway.outcomes
