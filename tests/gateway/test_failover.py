"""The client in front of several servers that are gone, full, dead inside or slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from gateway.addresses import Address, Addresses
from gateway.balance import Balance
from gateway.failover import Failover
from gateway.triton import TritonClient
from limner.endpoints import parse_endpoints
from limner.errors import Cancelled, DamagedImage, InferenceFailed, InferenceTimeout, InferenceUnavailable, QueueFull
from limner.options import Options
from tests.gateway.fake_triton import (
    DEAD_STUB,
    EMPTY_SETTINGS,
    FULL,
    RESULT,
    FakeTriton,
    dies_with_a_photo,
    listening,
    misbehaving,
)

pytestmark = pytest.mark.timeout(60)

NOBODY = "127.0.0.1:1"
INTERNAL, UNAVAILABLE = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE

Connect = Callable[..., TritonClient]


@pytest.fixture(autouse=True)
def _first_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of servers that were never used, the first one, instead of any."""
    monkeypatch.setattr("gateway.balance.random.random", lambda: 0.5)


@pytest.fixture
def retries() -> Counter[str]:
    """How often another server was tried, by the reason."""
    return Counter()


@pytest.fixture
async def connect(retries: Counter[str]) -> AsyncIterator[Connect]:
    """A client in front of those addresses."""
    async with contextlib.AsyncExitStack() as closing:

        def connected(*addresses: str) -> TritonClient:
            client = TritonClient(",".join(addresses), lambda reason: retries.update([reason]))
            closing.push_async_callback(client.close)
            return client

        yield connected


@pytest.fixture
async def servers() -> AsyncIterator[tuple[FakeTriton, FakeTriton]]:
    async with listening(FakeTriton()) as one, listening(FakeTriton()) as other:
        yield one, other


async def enhance(client: TritonClient, photo: bytes = b"photo", timeout: float = 30.0) -> bytes:
    result = await client.enhance(photo, Options(), request_id="test", timeout=timeout)
    return result.image


async def test_photos_go_where_the_fewest_are(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    client = connect(one.address, other.address)
    one.open.clear()
    waiting = asyncio.create_task(enhance(client, b"slow"))
    while not one.photos:
        await asyncio.sleep(0.01)
    for _ in range(5):
        assert await enhance(client, b"quick") == RESULT
    assert (one.photos, other.photos) == ([b"slow"], [b"quick"] * 5)
    one.open.set()
    await waiting
    for _ in range(4):
        await enhance(client, b"next")
    assert one.photos.count(b"next") == other.photos.count(b"next") == 2


async def test_a_refused_connection_costs_nothing_and_is_avoided(
    connect: Connect, servers: tuple[FakeTriton, FakeTriton], retries: Counter[str]
) -> None:
    one, other = servers
    client = connect(NOBODY, one.address, other.address)
    assert [await enhance(client) for _ in range(6)] == [RESULT] * 6
    assert len(one.photos) == len(other.photos) == 3
    assert retries == {"inference-unavailable": 1}
    assert (client.servers, client.avoided) == (3, 1)


async def test_as_many_are_tried_as_there_are(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    gone = [f"127.0.0.1:{port}" for port in (1, 2, 3, 4)]
    assert await enhance(connect(*gone, servers[0].address)) == RESULT
    with pytest.raises(InferenceUnavailable, match="cannot be reached"):
        await enhance(connect(*gone))


async def test_a_server_that_dies_loses_no_photo(
    connect: Connect, servers: tuple[FakeTriton, FakeTriton], retries: Counter[str]
) -> None:
    async with misbehaving(dies_with_a_photo) as dying:
        assert await enhance(connect(dying, servers[0].address)) == RESULT
    assert servers[0].photos == [b"photo"]
    assert retries == {"inference-unavailable": 1}


async def test_a_photo_that_ends_servers_does_not_end_all(
    connect: Connect, servers: tuple[FakeTriton, FakeTriton]
) -> None:
    async with misbehaving(dies_with_a_photo) as one, misbehaving(dies_with_a_photo) as other:
        client = connect(one, NOBODY, other, servers[0].address)
        with pytest.raises(InferenceUnavailable):
            await enhance(client)
        assert servers[0].photos == []
        assert await enhance(client) == RESULT


async def test_a_single_server_is_asked_once(connect: Connect, retries: Counter[str]) -> None:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await dies_with_a_photo(reader, writer)

    async with misbehaving(counted) as dying:
        client = connect(dying)
        for photos in (1, 2):
            with pytest.raises(InferenceUnavailable):
                await enhance(client)
            assert connections == photos
    assert not retries


@pytest.mark.parametrize("status", [INTERNAL, UNAVAILABLE])
async def test_a_full_server_is_passed_over_and_not_avoided(
    connect: Connect, servers: tuple[FakeTriton, FakeTriton], retries: Counter[str], status: grpc.StatusCode
) -> None:
    full, other = servers
    full.refusal = (status, FULL)
    client = connect(NOBODY, full.address, other.address)
    await enhance(client)
    assert client.avoided == 1
    other.refusal = full.refusal
    retries.clear()
    with pytest.raises(QueueFull):
        await enhance(client)
    assert set(retries) == {"temporary-reduced-capacity"}
    full.refusal = None
    assert await enhance(client) == RESULT


async def test_exhausted_is_full_and_reported_as_ever(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    one.refusal = (grpc.StatusCode.RESOURCE_EXHAUSTED, "no memory")
    client = connect(one.address, other.address)
    assert await enhance(client) == RESULT
    other.refusal = one.refusal
    with pytest.raises(InferenceFailed):
        await enhance(client)
    assert client.avoided == 0


async def test_a_dead_process_in_a_living_server(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    one.refusal = (INTERNAL, DEAD_STUB)
    client = connect(one.address, other.address)
    assert [await enhance(client) for _ in range(3)] == [RESULT] * 3
    assert (len(one.photos), len(other.photos), client.avoided) == (1, 3, 1)


STARTING = (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'face_enhance' has no available versions")
STOPPING = (UNAVAILABLE, "Server is stopping, scheduler for model has stopped accepting new inference requests")


@pytest.mark.parametrize("refusal", [STARTING, STOPPING], ids=["starting", "stopping"])
async def test_servers_that_start_or_stop_are_passed_over(
    connect: Connect, refusal: tuple[grpc.StatusCode, str]
) -> None:
    """However many they are: a photo that was not begun ends no server."""
    async with contextlib.AsyncExitStack() as opened:
        servers = [await opened.enter_async_context(listening(FakeTriton())) for _ in range(4)]
        for server in servers[:3]:
            server.refusal = refusal
        client = connect(*(server.address for server in servers))
        assert [await enhance(client) for _ in range(3)] == [RESULT] * 3
        assert [len(server.photos) for server in servers] == [1, 1, 1, 3]
        assert client.avoided == 3


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ((INTERNAL, "in ensemble 'face_enhance', [damaged-image] The file ends early."), DamagedImage),
        ((INTERNAL, "whatever"), InferenceFailed),
        ((UNAVAILABLE, "Request timeout expired"), InferenceTimeout),
        ((grpc.StatusCode.CANCELLED, "cancelled"), Cancelled),
    ],
)
async def test_what_is_final(
    connect: Connect,
    servers: tuple[FakeTriton, FakeTriton],
    retries: Counter[str],
    refusal: tuple[grpc.StatusCode, str],
    kind: type[Exception],
) -> None:
    one, other = servers
    one.refusal = refusal
    client = connect(one.address, other.address)
    with pytest.raises(kind):
        await enhance(client)
    assert (len(one.photos), other.photos, client.avoided) == (1, [], 0)
    assert not retries


async def test_a_deadline_is_final(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    one.open.clear()
    with pytest.raises(InferenceTimeout):
        await enhance(connect(one.address, other.address), timeout=0.2)
    assert other.photos == []


async def test_nothing_is_begun_after_the_deadline() -> None:
    asked: list[Address] = []

    async def attempt(address: Address, seconds: float) -> None:
        asked.append(address)
        await asyncio.sleep(seconds + 0.01)
        raise InferenceServerException("Socket closed", status="StatusCode.UNAVAILABLE")

    failover = Failover(Addresses(parse_endpoints("127.0.0.1:1,127.0.0.1:2")), Balance(), lambda _: None)
    with pytest.raises(InferenceUnavailable):
        await failover.run(attempt, 0.05)
    assert len(asked) == 1


async def test_cancelled_here_is_cancelled_there(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    one, other = servers
    one.open.clear()
    client = connect(one.address, other.address)
    leaving = asyncio.create_task(enhance(client))
    while not one.photos:
        await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    while not one.cancelled:
        await asyncio.sleep(0.01)
    assert other.photos == []
    one.open.set()
    await enhance(client)
    await enhance(client)
    assert (len(one.photos), len(other.photos)) == (2, 1)


async def test_catalog_comes_from_any(connect: Connect, servers: tuple[FakeTriton, FakeTriton]) -> None:
    assert (await connect(NOBODY, servers[0].address).catalog()).entries == ()
    with pytest.raises(InferenceUnavailable):
        await connect(NOBODY, "127.0.0.1:2").catalog()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the system's resolver knows from now on."""
    known: dict[str, list[str]] = {}

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


async def test_a_name_with_several_addresses(connect: Connect, names: dict[str, list[str]]) -> None:
    names["triton.test"] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    async with listening(FakeTriton()) as one:
        port = one.address.rpartition(":")[2]
        async with listening(FakeTriton(), "127.0.0.2", int(port)) as other:
            client = connect(f"triton.test:{port}")
            assert [await enhance(client) for _ in range(4)] == [RESULT] * 4
    assert len(one.photos) == len(other.photos) == 2
    assert (client.servers, client.avoided) == (3, 1)


async def test_servers_are_told_the_name_that_the_settings_give(connect: Connect, names: dict[str, list[str]]) -> None:
    """A proxy in between may go by it."""
    names["triton.test"] = ["127.0.0.1"]
    told = bytearray()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(EMPTY_SETTINGS)
        while b"face_enhance" not in told:
            told.extend(await reader.read(65_536))

    async with misbehaving(listens) as address:
        port = address.rpartition(":")[2]
        with pytest.raises(InferenceUnavailable):
            await enhance(connect(f"triton.test:{port}"))
    assert f"triton.test:{port}".encode() in told


async def test_a_name_of_nobody(connect: Connect, names: dict[str, list[str]]) -> None:
    with pytest.raises(InferenceUnavailable):
        await enhance(connect("triton.test:8001"))


async def test_ipv6(connect: Connect) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with listening(FakeTriton(), "[::1]") as fake:
        assert await enhance(connect(fake.address)) == RESULT
