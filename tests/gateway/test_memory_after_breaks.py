"""What uploads and downloads that break leave in the gateway's memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.connection import Connection
from gateway.freed_memory import MAPPED_BYTES
from gateway.multipart import Form
from gateway.upload import read_upload
from limner.errors import Cancelled
from limner.settings import PROJECT_ROOT
from tests.deploy.photos import QUICK, noise
from tests.gateway import fake_triton
from tests.gateway.fake_triton import FakeTriton, listening
from tests.gateway.replica import Replica
from tests.gateway.running import serving
from tests.hostile.attacks.forms import BOUNDARY, ask, form_body, upload
from tests.hostile.books import books, settled
from tests.hostile.door import Door, crowd

pytestmark = pytest.mark.timeout(120)

PHOTO_SIDE = 800
"""Pixels; 1.9 MB as noise."""

RESULT_BYTES = 5_000_000
ROUNDS = 6
BREAKS = 60
"""In a round, a third of them each: during an upload, at work, during a download."""

MOST_GROWN = 20_000_000
"""Bytes. It is some 4 MB; kept, uploads would be more than 60 MB, and results 600 MB."""

PATIENCE = 30.0
"""Seconds until the memory is back, which takes a few."""


@pytest.fixture(autouse=True)
def _with_glibc() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library is not glibc")


async def test_memory_of_what_broke_off_goes_back_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_triton, "RESULT", random.Random(9).randbytes(RESULT_BYTES))
    async with listening(FakeTriton()) as fake:
        gateway = Replica(fake.address, tmp_path / "log", LIMNER_MAX_QUEUE="200")
        try:
            await asyncio.to_thread(gateway.wait)
            fresh = await books(gateway)
            task = await asyncio.to_thread(gateway.submit, noise(PHOTO_SIDE), QUICK)
            await asyncio.to_thread(gateway.until, task, "completed")
            for seed in range(ROUNDS):
                await _break_off(gateway, f"/v1/photos/{task}/image", seed)
            assert (await asyncio.to_thread(gateway.client.delete, f"/v1/photos/{task}")).status_code == 200
            await settled(gateway, fresh)
            await _shrunk(gateway, fresh.rss + MOST_GROWN)
        finally:
            await asyncio.to_thread(gateway.stop)


async def _break_off(gateway: Replica, result: str, seed: int) -> None:
    door, photo = Door(gateway.port), upload("/v1/enhance", noise(PHOTO_SIDE), fields=QUICK)

    async def one(number: int) -> None:
        pick = random.Random(seed * BREAKS + number)
        async with door.line() as line:
            if number % 3 == 0:
                await line.send(photo[: pick.randrange(len(photo) // 4, len(photo))])
            elif number % 3 == 1:
                await line.send(photo)
                assert await line.first_line() == 200
            else:
                await line.send(ask(result))
                if await line.first_line() == 200:  # else another one is being sent it
                    await line.some(pick.randrange(1, RESULT_BYTES // 50))
            if pick.random() < 0.5:  # then the gateway does not get what is still on the way
                line.reset()

    await crowd([partial(one, number) for number in range(BREAKS)], 10)


async def _shrunk(gateway: Replica, most: int) -> None:
    """Wait until the gateway takes no more than ``most`` bytes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while (now := await books(gateway)).rss > most:
        assert loop.time() < deadline, f"not given back: {now.rss / 1e6:.0f} MB, {most / 1e6:.0f} MB allowed"
        await asyncio.sleep(0.2)


def test_large_blocks_are_no_part_of_a_heap() -> None:
    """Not even when a larger one was freed, by which glibc would raise its threshold."""
    script = f"""
import ctypes, sys
from gateway.freed_memory import map_large_blocks
map_large_blocks()
bytearray(16 * {MAPPED_BYTES})
block = bytearray({MAPPED_BYTES})
(heap,) = [line for line in open("/proc/self/maps") if "[heap]" in line]
start, end = (int(bound, 16) for bound in heap.split()[0].split("-"))
sys.exit(start <= ctypes.addressof(ctypes.c_char.from_buffer(block)) < end)
"""
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, check=True, timeout=30)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "broken off"])
async def test_form_goes_with_whoever_has_it(whole: bool) -> None:
    """The garbage collector would find it dozens of uploads later."""
    body = form_body(bytes(100_000))
    messages: list[Message] = [{"type": "http.request", "body": body[:50_000], "more_body": True}]
    messages.append({"type": "http.request", "body": body[50_000:]} if whole else {"type": "http.disconnect"})
    headers = [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())]

    async def receive() -> Message:
        return messages.pop(0)

    before = _there(Form)
    gc.disable()
    try:
        try:
            await read_upload(Request({"type": "http", "headers": headers}, receive), 200_000)
        except Cancelled:
            assert not whole
        held = [form for form in gc.get_objects() if type(form) is Form and form.file]
    finally:
        gc.enable()
    assert [form for form in held if not any(form is other for other in before)] == []


async def test_nothing_waits_for_a_client_that_is_gone() -> None:
    """A timer would keep the connection, with what came last, for minutes."""
    before = _there(Connection)
    async with serving() as (server, port):
        for _ in range(5):
            async with Door(port).line() as line:
                await line.send(ask("/quick"))
                assert await line.answer() is not None
                line.reset()
        while server.server_state.connections:
            await asyncio.sleep(0.01)
        assert [left for left in _there(Connection) if not any(left is other for other in before)] == []


def _there(kind: type[object]) -> list[object]:
    """What there is of a kind in this process, in which other tests have run.

    ``isinstance`` would ask each object for its ``__class__``, which some that other tests made answer with a warning.
    """
    gc.collect()
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]


async def test_requests_start_no_threads(client: httpx.AsyncClient) -> None:
    """Each would keep a stack and a heap of its own."""
    answers = await asyncio.gather(*(client.get(f"/v1/photos/{number:032}") for number in range(20)))
    assert {answer.status_code for answer in answers} == {404}
    assert [thread for thread in threading.enumerate() if "AnyIO" in thread.name] == []
