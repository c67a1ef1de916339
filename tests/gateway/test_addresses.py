"""Names and what they stand for, with a clock and a resolver of the tests' own."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from gateway.addresses import KEEP_SECONDS, REFRESH_SECONDS, Addresses, resolve
from limner.endpoints import parse_endpoints

pytestmark = pytest.mark.timeout(30)


class Names:
    """A resolver and a clock."""

    def __init__(self, **hosts: list[str]) -> None:
        self.hosts = hosts
        self.asked: list[str] = []
        self.now = 1000.0
        self.answers = asyncio.Event()
        self.answers.set()

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        await self.answers.wait()
        if host not in self.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.hosts[host]

    def addresses(self, url: str) -> Addresses:
        return Addresses(parse_endpoints(url), self.resolve, lambda: self.now)


async def targets(addresses: Addresses, seconds: float = 5.0) -> list[str]:
    """After what is on its way, too."""
    await addresses.get(seconds)
    for _ in range(5):
        await asyncio.sleep(0)
    return [address.target for address in addresses.known]


async def test_each_address_is_one_server_and_numbers_are_never_asked_for() -> None:
    names = Names(triton=["10.0.0.1", "fd00::2", "10.0.0.1"])
    addresses = names.addresses("triton:8001,10.0.0.1:8001,[::1]:8003,10.0.0.9:8001")
    assert await targets(addresses) == ["10.0.0.1:8001", "[fd00::2]:8001", "[::1]:8003", "10.0.0.9:8001"]
    assert [address.authority for address in addresses.known] == [
        "triton:8001",
        "triton:8001",
        "[::1]:8003",
        "10.0.0.9:8001",
    ]
    assert names.asked == ["triton"]


async def test_asked_for_anew_every_few_seconds_only() -> None:
    names = Names(triton=["10.0.0.1"])
    addresses = names.addresses("triton:8001")
    for _ in range(3):
        assert await targets(addresses) == ["10.0.0.1:8001"]
    names.hosts["triton"] = ["10.0.0.2", "10.0.0.3"]
    names.now += REFRESH_SECONDS - 0.1
    assert await targets(addresses) == ["10.0.0.1:8001"]
    assert names.asked == ["triton"]
    names.now += 0.2
    assert await targets(addresses) == ["10.0.0.2:8001", "10.0.0.3:8001"]
    assert names.asked == ["triton"] * 2


async def test_what_is_known_is_used_while_the_answer_is_on_its_way() -> None:
    names = Names(triton=["10.0.0.1"])
    addresses = names.addresses("triton:8001")
    await targets(addresses)
    names.answers.clear()
    for _ in range(3):
        names.now += REFRESH_SECONDS
        assert await targets(addresses) == ["10.0.0.1:8001"]
    assert len(names.asked) == 2
    await addresses.close()


async def test_nothing_known_is_waited_for_no_longer_than_asked() -> None:
    names = Names(triton=["10.0.0.1"])
    names.answers.clear()
    addresses = names.addresses("triton:8001")
    assert await addresses.get(0.01) == ()
    waiting = asyncio.create_task(addresses.get(10.0))
    await asyncio.sleep(0)
    names.answers.set()
    assert [address.target for address in await waiting] == ["10.0.0.1:8001"]
    assert len(names.asked) == 1


async def test_old_addresses_are_kept_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    names = Names(one=["10.0.0.1"], two=["10.0.0.2"])
    addresses = names.addresses("one:8001,two:8001")
    await targets(addresses)
    del names.hosts["one"]
    names.hosts["two"] = ["10.0.0.3"]
    with caplog.at_level(logging.WARNING):
        for _ in range(int(KEEP_SECONDS / REFRESH_SECONDS)):
            names.now += REFRESH_SECONDS
            assert await targets(addresses) == ["10.0.0.1:8001", "10.0.0.3:8001"]
        names.now += REFRESH_SECONDS
        assert await targets(addresses) == ["10.0.0.3:8001"]
        names.hosts["one"] = ["10.0.0.4"]
        names.now += REFRESH_SECONDS
        assert await targets(addresses) == ["10.0.0.4:8001", "10.0.0.3:8001"]
    assert [record.getMessage() for record in caplog.records] == [
        f"one:8001 cannot be resolved: [Errno {socket.EAI_NONAME}] Name or service not known",
        "one:8001 is resolved again",
    ]


async def test_system_knows_this_machine() -> None:
    assert "127.0.0.1" in await resolve("localhost", 8001)


@pytest.mark.parametrize("host", ["x" * 64, "no..name"])
async def test_names_that_cannot_be(host: str) -> None:
    assert await Addresses(parse_endpoints(f"{host}:8001")).get(5.0) == ()
