"""Slow clients, hundreds at once, for as long as the server lets them."""

from __future__ import annotations

import asyncio

import pytest

from tests.deploy.photos import LARGE, noise
from tests.hostile.attacks.forms import ask
from tests.hostile.attacks.slow import deaf, slow_bodies, slow_heads, stopped_uploads
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(240, func_only=True)


async def test_slow_clients_are_cut_off_and_harm_nobody(straight: Site, fronted: Site) -> None:
    """300 of them; at the gateway's own door and at nginx's at the same time."""
    async with siege(straight) as under:
        tallies = await asyncio.gather(
            *(
                kind(site.door, 50)
                for kind in (slow_heads, slow_bodies, stopped_uploads)
                for site in (straight, fronted)
            )
        )
        for tally in tallies:
            under.tally.add(tally)
    for heads in tallies[:2]:
        assert heads.cut + heads.statuses[408] == 50, "a head that does not end is not answered"
    uploads = tallies[2:]
    assert {status for tally in uploads for status in tally.statuses} <= {408, 429, 503}
    assert sum(tally.statuses[408] + tally.cut for tally in uploads) > 0
    assert under.meanwhile > 0, "no photo got through beside them"
    assert under.peak.rss - under.before.rss < 300e6


async def test_clients_that_never_read_hold_their_own_answers_only(site: Site) -> None:
    gateway = site.gateway
    # Larger than what kernels take on the way, which counts as received.
    tasks = [gateway.submit(noise(1300, seed), LARGE) for seed in range(2)]
    results = [f"/v1/photos/{gateway.until(task, 'completed')['task_id']}" for task in tasks]
    events = [ask(f"{result}/events") for result in results] * 10
    images = [ask(f"{result}/image") for result in results]
    many = [ask("/openapi.json") * 100] * 20
    async with siege(site) as under, deaf(site.door, events + images + many, under.tally):
        await under.customer.another()
    for result in results:
        assert gateway.client.get(result).json()["status"] == "completed", "what was not read is gone"
        assert gateway.client.delete(result).status_code == 200
    assert under.peak.rss - under.before.rss < 250e6
