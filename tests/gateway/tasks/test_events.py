"""The stream of a task's events has a sign of life, whatever becomes of the store."""

from __future__ import annotations

import asyncio

import pytest
from fastapi.sse import KEEPALIVE_COMMENT

from gateway.state.sealing import new_task_id
from gateway.tasks import events
from gateway.tasks.answers import EnhancementResult, photo_result
from limner.errors import StateUnavailable
from tests.gateway.state.records import make_record


@pytest.mark.parametrize("away", [True, False])
async def test_a_silent_stream_has_signs_of_life(monkeypatch: pytest.MonkeyPatch, away: bool) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(events, "KEEPALIVE_SECONDS", -1.0)
    state = photo_result(new_task_id(), make_record("processing"), None)
    closing, looks = asyncio.Event(), 0

    async def look() -> EnhancementResult:
        nonlocal looks
        looks += 1
        if away:
            raise StateUnavailable("The store is away.")
        return state

    async def listen() -> int:
        signs = 0
        async for piece in events._events(look, closing):
            signs += piece == KEEPALIVE_COMMENT
            if signs == 3:
                closing.set()
        return signs

    assert await asyncio.wait_for(listen(), 10) == 3
    assert looks >= 2
