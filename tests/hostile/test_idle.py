"""Connections on which nothing happens."""

from __future__ import annotations

import pytest

from gateway.connection import MAX_CONNECTIONS, MOST_CONNECTIONS
from tests.hostile.attacks.forms import ask
from tests.hostile.attacks.idle import idle
from tests.hostile.door import Line, crowd
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(120, func_only=True)


async def test_a_thousand_idle_connections_are_bounded_and_answered_for(straight: Site) -> None:
    """The ordinary client's connection was there before; who comes too late learns why, and health is told."""
    async with siege(straight) as under, idle(straight.door, 1000, under.tally) as lines:

        async def asked(line: Line) -> int | None:
            await line.send(ask("/v1/models"))
            answer = await line.answer()
            under.tally.requests += 1
            under.tally.note(answer)
            return None if answer is None else answer.status

        statuses = await crowd([lambda line=line: asked(line) for line in lines], 50)  # type: ignore[misc]
        assert statuses.count(200) <= MAX_CONNECTIONS
        assert statuses.count(200) > MAX_CONNECTIONS - 20
        assert statuses.count(503) + statuses.count(200) <= MOST_CONNECTIONS
        assert statuses.count(503) > 0
        await under.customer.another()
    assert under.peak.rss - under.before.rss < 150e6


async def test_a_thousand_idle_connections_to_nginx_are_no_matter(fronted: Site) -> None:
    async with siege(fronted) as under, idle(fronted.door, 1000, under.tally) as lines:
        assert len(lines) == 1000
        answer = await fronted.door.ask(ask("/v1/models"))
        assert answer is not None
        assert answer.status == 200
        await under.customer.another()
    assert under.tally.cut == 0
