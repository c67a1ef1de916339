"""What is special about the store in this process: it overwrites what it lets go of, and forgets."""

from __future__ import annotations

import time

from gateway.state.memory import MemoryStore
from gateway.state.store import TOMBSTONE_SECONDS
from tests.gateway.state.records import later, make_record


async def test_ciphertext_is_overwritten_when_it_goes(name: str) -> None:
    store = MemoryStore()
    replaced, cleaned, late, closed = (bytearray(b"sealed") for _ in range(4))
    await store.put_blob(name, "image", replaced, later())
    await store.put_blob(name, "image", cleaned, later())
    assert replaced == bytes(6)
    assert cleaned == b"sealed"
    await store.write(name, make_record())
    await store.clean(name)
    assert cleaned == bytes(6)
    await store.put_blob(name, "image", late, later())
    assert late == bytes(6)
    await store.put_blob(name[::-1], "image", closed, later())
    await store.close()
    assert closed == bytes(6)


async def test_the_same_buffer_put_twice_is_kept(name: str) -> None:
    store, sealed = MemoryStore(), bytearray(b"sealed")
    await store.put_blob(name, "image", sealed, later())
    await store.put_blob(name, "image", sealed, later())
    assert await store.take_blob(name, "image") == b"sealed"


async def test_what_is_taken_belongs_to_whoever_took_it(name: str) -> None:
    store, sealed = MemoryStore(), bytearray(b"sealed")
    await store.put_blob(name, "image", sealed, later())
    taken = await store.take_blob(name, "image")
    await store.close()
    assert taken == b"sealed"


async def test_held_counts_the_bytes_of_all_blobs(name: str) -> None:
    store = MemoryStore()
    await store.put_blob(name, "image", bytearray(100), later())
    await store.put_blob(name, "detail", bytearray(20), later())
    await store.put_blob(name[::-1], "image", bytearray(3), later())
    assert store.held == 123
    await store.take_blob(name, "image")
    assert store.held == 23
    await store.clean(name)
    assert store.held == 3


async def test_tombstones_are_buried_in_time(name: str) -> None:
    store = MemoryStore()
    old = make_record("failed", expires=time.time() - TOMBSTONE_SECONDS - 1)
    fresh = make_record("failed", expires=time.time() - TOMBSTONE_SECONDS + 60)
    running = make_record("processing", expires=0.0)
    on_its_way = make_record("completed", expires=time.time() - TOMBSTONE_SECONDS - 1)
    names = [name[:-1] + digit for digit in "0123"]
    for each, record in zip(names, (old, fresh, running, on_its_way), strict=True):
        await store.write(each, record)
        await store.put_blob(each, "image", bytearray(10), later())
    await store.beat("me")
    assert [await store.read(each) for each in names] == [None, fresh, running, on_its_way]
    assert store.held == 30
