"""Broken archives from a hundred clients at once."""

from __future__ import annotations

import pytest

from tests.hostile.attacks.archives import send_broken
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(180, func_only=True)


async def test_broken_archives_of_a_hundred_clients(straight: Site) -> None:
    async with siege(straight) as under:
        under.tally.add(await send_broken(straight.door, clients=100, seed=9))
    statuses = under.tally.statuses
    assert set(statuses) <= {202, 400, 413, 415, 422, 503}
    assert statuses[503] > 0, "not all were inside at once"
    assert statuses.total() - statuses[503] >= 50
    assert under.peak.rss - under.before.rss < 100e6
