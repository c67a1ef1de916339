"""An answer is asked for once by many, again when it is old, and never kept where it failed."""

from __future__ import annotations

import asyncio
import gc

import pytest

from gateway.recent import Recent


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.failing = False

    async def __call__(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failing:
            raise ConnectionError
        return self.asked


async def test_many_at_once_ask_once() -> None:
    source = Source()
    recent = Recent(source, 60)
    assert await asyncio.gather(*(recent.get() for _ in range(20))) == [1] * 20
    assert await recent.get() == 1
    assert source.asked == 1


async def test_an_old_answer_is_asked_for_again() -> None:
    recent = Recent(Source(), -1)
    assert [await recent.get() for _ in range(3)] == [1, 2, 3]


async def test_a_failure_is_not_kept() -> None:
    source = Source()
    recent = Recent(source, 60)
    source.failing = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await recent.get()
    source.failing = False
    assert await recent.get() == 3


async def test_a_failure_goes_to_all_that_wait_for_it() -> None:
    source = Source()
    recent = Recent(source, 60)
    source.failing = True
    failures = await asyncio.gather(*(recent.get() for _ in range(20)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ConnectionError] * 20
    assert source.asked == 1


async def test_a_failure_that_nobody_waits_for_any_more_is_quiet() -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    over = asyncio.Event()

    async def ask() -> int:
        await over.wait()
        raise ConnectionError

    recent = Recent(ask, 60)
    waiting = [asyncio.create_task(recent.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for waiter in waiting:
        waiter.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    over.set()
    while recent._asking is not None:
        await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_one_that_goes_away_does_not_take_the_answer_with_it() -> None:
    source = Source()
    recent = Recent(source, 60)
    first, second = asyncio.create_task(recent.get()), asyncio.create_task(recent.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == source.asked
