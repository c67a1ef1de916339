"""What every store promises: the same tests for each."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace

import pytest

from gateway.state.record import Status
from gateway.state.sealing import name_of, new_task_id
from gateway.state.store import Store
from tests.gateway.state.records import later, make_record

pytest_plugins = ["tests.gateway.redis_server"]

SIZES = [1, 29, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000]
"""Bytes, around the borders of what a store keeps in one piece."""


async def test_nothing_is_known_of_a_task_that_never_was(store: Store, name: str) -> None:
    assert await store.read(name) is None
    assert await store.clean(name) is None
    assert await store.read(name) is None
    assert await store.get_blob(name, "image") is None
    assert await store.take_blob(name, "image") is None
    await store.keep_blobs(name, later())


async def test_a_record_is_read_as_it_was_written(store: Store, name: str) -> None:
    record = make_record("pending", created=1763942400.123456, client='a "quoted" 名', queue_position=3, estimate=0.1)
    assert await store.write(name, record) is True
    assert await store.read(name) == record
    assert await store.read(name[::-1]) is None


async def test_a_running_task_is_written_as_often_as_one_likes(store: Store, name: str) -> None:
    for record in (make_record("pending"), make_record("processing"), make_record(processed_files=7)):
        assert await store.write(name, record)
        assert await store.read(name) == record


@pytest.mark.parametrize("status", ["completed", "failed", "cleaned"])
async def test_a_task_that_is_over_stays_as_it_is(store: Store, name: str, status: Status) -> None:
    over = make_record(status)
    assert await store.write(name, make_record())
    assert await store.write(name, over)
    for record in (make_record("processing"), make_record("completed", result_bytes=5), make_record("failed")):
        assert await store.write(name, record) is False
        assert await store.read(name) == over


async def test_the_same_end_may_be_written_twice(store: Store, name: str) -> None:
    over = make_record("completed")
    assert await store.write(name, over)
    assert await store.write(name, over), "whose answer got lost asks again, and must not take it for a deletion"


async def test_cleaning_drops_blobs_and_salt_and_tells_what_was(store: Store, name: str) -> None:
    record = make_record("completed", created=1763942400.123456, result_bytes=9)
    await store.put_blob(name, "image", bytearray(b"sealed"), later())
    await store.put_blob(name, "detail", bytearray(b"sealed, too"), later())
    await store.write(name, record)
    assert await store.clean(name) == record
    assert await store.read(name) == replace(record, status="cleaned", salt="")
    assert await store.get_blob(name, "image") is None
    assert await store.take_blob(name, "detail") is None


async def test_a_running_task_that_is_cleaned_expires_now(store: Store, name: str) -> None:
    running = make_record("processing")
    await store.write(name, running)
    before = time.time()
    assert await store.clean(name) == running
    cleaned = await store.read(name)
    assert cleaned is not None
    assert cleaned.status == "cleaned"
    assert before <= cleaned.expires <= time.time()
    assert await store.write(name, running) is False


async def test_cleaning_twice_changes_nothing_more(store: Store, name: str) -> None:
    await store.write(name, make_record("completed"))
    await store.clean(name)
    once = await store.read(name)
    assert await store.clean(name) == once
    assert await store.read(name) == once


async def test_nothing_is_kept_of_a_task_that_is_cleaned(store: Store, name: str) -> None:
    await store.write(name, make_record())
    await store.clean(name)
    await store.put_blob(name, "image", bytearray(b"sealed too late"), later())
    assert await store.get_blob(name, "image") is None
    assert await store.take_blob(name, "image") is None


async def test_cleaning_one_task_leaves_others(store: Store, name: str) -> None:
    other = name[::-1]
    for each in (name, other):
        await store.write(each, make_record())
        await store.put_blob(each, "image", bytearray(b"sealed"), later())
    await store.clean(name)
    assert await store.get_blob(other, "image") == b"sealed"


async def test_cleaned_while_written_it_ends_as_it_was_last_written(store: Store) -> None:
    async def write_on(task: str) -> int:
        count = 0
        while await store.write(task, make_record(processed_files=count + 1)):
            count += 1
            await asyncio.sleep(0)
        return count

    for steps in range(40):
        task = name_of(new_task_id())
        await store.write(task, make_record())
        writing = asyncio.create_task(write_on(task))
        for _ in range(steps):
            await asyncio.sleep(0)
        before = await store.clean(task)
        count = await writing
        after = await store.read(task)
        assert before is not None
        assert after is not None
        assert before.processed_files == after.processed_files == count
        assert (after.status, after.salt) == ("cleaned", "")


@pytest.mark.parametrize("size", SIZES)
async def test_a_blob_stays_until_it_is_taken_once(store: Store, name: str, size: int) -> None:
    sealed = os.urandom(size)
    await store.put_blob(name, "image", bytearray(sealed), later())
    assert await store.get_blob(name, "image") == sealed
    assert await store.get_blob(name, "image") == sealed
    assert await store.take_blob(name, "image") == sealed
    assert await store.take_blob(name, "image") is None
    assert await store.get_blob(name, "image") is None


async def test_parts_are_apart(store: Store, name: str) -> None:
    await store.put_blob(name, "image", bytearray(b"one"), later())
    await store.put_blob(name, "image/2", bytearray(b"two"), later())
    assert await store.take_blob(name, "image") == b"one"
    assert await store.take_blob(name, "image/2") == b"two"


async def test_a_blob_is_replaced_whole(store: Store, name: str) -> None:
    await store.put_blob(name, "image", bytearray(3_000_000), later())
    await store.put_blob(name, "image", bytearray(b"short"), later())
    assert await store.get_blob(name, "image") == b"short"


async def test_a_blob_that_was_put_back_can_be_taken_again(store: Store, name: str) -> None:
    await store.write(name, make_record("completed"))
    await store.put_blob(name, "image", bytearray(b"sealed"), later())
    taken = await store.take_blob(name, "image")
    assert taken is not None
    await store.put_blob(name, "image", bytearray(taken), later())
    assert await store.take_blob(name, "image") == b"sealed"


async def test_of_many_that_take_one_blob_one_gets_it(store: Store, name: str) -> None:
    for _ in range(50):
        await store.put_blob(name, "image", bytearray(b"sealed"), later())
        takers = [store.take_blob(name, "image") for _ in range(5)]
        taken = [sealed for sealed in await asyncio.gather(*takers) if sealed is not None]
        assert taken == [b"sealed"]


async def test_a_gateway_that_beats_lives(store: Store) -> None:
    await store.check()
    await store.beat("me")
    assert await store.is_alive("me")


async def test_a_closed_store_holds_nothing(store: Store, name: str) -> None:
    await store.put_blob(name, "image", bytearray(b"sealed"), later())
    await store.close()
    assert store.held == 0
