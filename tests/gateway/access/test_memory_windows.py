"""Moving windows in memory: the same answers as ``limits`` gives, in bounded memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.aio.storage import MemoryStorage

from gateway.access import windows
from gateway.access.windows import MemoryWindows

MINUTE, DAY = 60, 86_400
START = 1_700_000_000.0

SetTime = Callable[[float], None]


@pytest.fixture
def set_time(monkeypatch: pytest.MonkeyPatch) -> SetTime:
    """Seconds after START."""

    def at(seconds: float) -> None:
        monkeypatch.setattr("gateway.access.windows.now", lambda: START + seconds)

    at(0)
    return at


async def test_window_moves(set_time: SetTime) -> None:
    table = MemoryWindows()
    for second in (0, 10, 20):
        set_time(second)
        assert await table.acquire_entry("a", 3, MINUTE)
    assert not await table.acquire_entry("a", 3, MINUTE)
    assert await table.get_moving_window("a", 3, MINUTE) == (START, 3)
    set_time(60.5)
    assert await table.get_moving_window("a", 3, MINUTE) == (START + 10, 2)
    assert await table.acquire_entry("a", 3, MINUTE)
    assert not await table.acquire_entry("a", 3, MINUTE)
    assert await table.get_moving_window("a", 3, MINUTE) == (START + 10, 3)


async def test_nobody_and_another_are_not_counted(set_time: SetTime) -> None:
    table = MemoryWindows()
    assert await table.get_moving_window("a", 3, MINUTE) == (START, 0)
    assert await table.acquire_entry("b", 1, MINUTE)
    assert await table.get_moving_window("a", 3, MINUTE) == (START, 0)
    assert await table.acquire_entry("a", 1, MINUTE)
    assert not await table.acquire_entry("a", 1, MINUTE)


async def test_refused_hits_are_not_counted(set_time: SetTime) -> None:
    table = MemoryWindows()
    assert await table.acquire_entry("a", 1, MINUTE)
    for second in range(1, 60):
        set_time(second)
        assert not await table.acquire_entry("a", 1, MINUTE)
    set_time(60.5)
    assert await table.acquire_entry("a", 1, MINUTE)


@given(
    hits=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.503, 7.211, 19.7, 61.0])), max_size=60),
    limit=st.integers(1, 4),
)
def test_same_answers_as_limits(hits: list[tuple[str, float]], limit: int) -> None:
    """Its storage in memory is the reference; only its timer, which looks for what is over, is held still.

    No two hits are a minute apart to the microsecond, a case in which the reference contradicts itself.
    """
    now = START

    async def compare() -> None:
        nonlocal now
        ours, reference = MemoryWindows(), MemoryStorage()
        reference._MemoryStorage__schedule_expiry = lambda: asyncio.sleep(0)  # type: ignore[attr-defined]
        for key, pause in hits:
            now += pause
            assert await ours.acquire_entry(key, limit, MINUTE) == await reference.acquire_entry(key, limit, MINUTE)
            assert await ours.get_moving_window(key, limit, MINUTE) == await reference.get_moving_window(
                key, limit, MINUTE
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.access.windows.now", lambda: now)
        patch.setattr("time.time", lambda: now)  # the reference's
        asyncio.run(compare())


async def test_whoever_is_over_is_forgotten(set_time: SetTime) -> None:
    table = MemoryWindows()
    for number in range(1000):
        await table.acquire_entry(f"minute/{number}", 10, MINUTE)
        await table.acquire_entry(f"day/{number}", 10, DAY)
    set_time(30)
    await table.acquire_entry("minute/0", 10, MINUTE)
    set_time(61)
    await table.acquire_entry("minute/new", 10, MINUTE)
    assert len(table) == 2 + 1000
    assert await table.get_moving_window("minute/0", 10, MINUTE) == (START + 30, 1)


async def test_number_of_clients_is_bounded_and_the_quietest_goes(set_time: SetTime) -> None:
    table = MemoryWindows(max_clients=100)
    for number in range(100):
        await table.acquire_entry(str(number), 10, DAY)
    await table.acquire_entry("0", 10, DAY)
    await table.acquire_entry("new", 10, DAY)
    assert len(table) == 100
    assert (await table.get_moving_window("0", 10, DAY))[1] == 2
    assert (await table.get_moving_window("1", 10, DAY))[1] == 0


async def test_memory_of_as_many_clients_as_there_may_be() -> None:
    tracemalloc.start()
    try:
        table = MemoryWindows()
        for number in range(windows.MAX_CLIENTS + 20_000):
            await table.acquire_entry(f"{number:032x}", 10, MINUTE)
        assert len(table) == windows.MAX_CLIENTS
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
