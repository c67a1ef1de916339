"""What a shelf makes of the results that it takes and gives back. With a Redis that fails: ``test_redis_cut.py``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from gateway.audit import Audit
from gateway.state.memory import MemoryStore
from gateway.state.record import RESULT_PART
from gateway.state.sealing import name_of, new_task_id
from gateway.tasks.shelf import Shelf
from tests.gateway.state.records import later, make_record


async def at_once(write: Callable[[], Awaitable[None]]) -> None:
    await write()


@pytest.mark.parametrize("kind", [bytes, bytearray])
async def test_a_result_that_comes_back_is_copied_only_if_it_must_be(kind: type[bytes | bytearray]) -> None:
    store, name, record = MemoryStore(), name_of(new_task_id()), make_record("completed", expires=later())
    shelf = Shelf(store, Audit(logging.getLogger("limner.audit")), at_once)
    sealed = kind(b"sealed")
    await shelf.give_back(name, record, sealed)
    kept = store._blobs[name][RESULT_PART[record.kind]]
    assert isinstance(kept, bytearray), "it can be overwritten"
    assert (kept is sealed) == (kind is bytearray)
    assert await shelf.take(name, record) is kept
