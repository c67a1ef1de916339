"""Turns come in order, places are bounded, and whoever leaves frees what it held."""

from __future__ import annotations

import asyncio

import pytest

from gateway.tasks.queue import Queue, Ticket
from limner.errors import QueueFull, ShuttingDown


async def test_first_come_first_served() -> None:
    queue = Queue(limit=1, waiting=3)
    order: list[int] = []

    async def work(number: int, ticket: Ticket) -> None:
        async with queue.turn(ticket):
            order.append(number)
            await asyncio.sleep(0)

    tickets = [queue.ticket() for _ in range(4)]
    assert [ticket.position for ticket in tickets] == [None, 1, 2, 3]
    assert (queue.active, queue.queued) == (1, 3)
    await asyncio.gather(*(work(number, ticket) for number, ticket in enumerate(tickets)))
    assert order == [0, 1, 2, 3]
    assert (queue.active, queue.queued) == (0, 0)


async def test_never_more_at_work_than_the_limit() -> None:
    queue = Queue(limit=3, waiting=100)
    most = 0

    async def work(ticket: Ticket) -> None:
        nonlocal most
        async with queue.turn(ticket):
            most = max(most, queue.active)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(work(queue.ticket()) for _ in range(30)))
    assert most == 3


async def test_who_gives_up_in_line_moves_the_others_up() -> None:
    queue = Queue(limit=1, waiting=3)
    first, second, third = (queue.ticket() for _ in range(3))
    queue.leave(second)
    assert third.position == 1
    queue.leave(first)
    await asyncio.wait_for(asyncio.shield(third.called), 1)
    assert queue.active == 1


async def test_a_cancelled_wait_frees_the_place() -> None:
    queue = Queue(limit=1, waiting=3)
    holder, waiter = queue.ticket(), queue.ticket()

    async def wait() -> None:
        async with queue.turn(waiter):
            raise AssertionError("its turn never came")

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert queue.queued == 0
    queue.leave(holder)
    assert queue.active == 0


async def test_leaving_twice_frees_one_place() -> None:
    queue = Queue(limit=2, waiting=0)
    first, _ = queue.ticket(), queue.ticket()
    queue.leave(first)
    queue.leave(first)
    assert queue.active == 1


async def test_admission_is_bounded() -> None:
    queue = Queue(limit=1, waiting=1)
    with queue.admission(), queue.admission():
        with pytest.raises(QueueFull, match="2 places"), queue.admission():
            pass
        assert queue.admitted == 2
    with queue.admission():
        assert queue.admitted == 1
    assert queue.admitted == 0


async def test_a_closed_queue_lets_nobody_in() -> None:
    queue = Queue(limit=1, waiting=1)
    queue.closed = True
    with pytest.raises(ShuttingDown), queue.admission():
        pass


async def test_work_seconds_add_up_side_by_side() -> None:
    queue = Queue(limit=4, waiting=0)
    tickets = [queue.ticket() for _ in range(4)]
    before = queue.work_seconds()
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.sleep(0.02)
    grown, elapsed = queue.work_seconds() - before, loop.time() - started
    assert grown == pytest.approx(4 * elapsed, rel=0.2)
    for ticket in tickets:
        queue.leave(ticket)
    still = queue.work_seconds()
    await asyncio.sleep(0.01)
    assert queue.work_seconds() == still
