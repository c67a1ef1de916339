"""Hundreds of connections that break half way."""

from __future__ import annotations

import pytest

from tests.deploy.photos import LARGE, noise
from tests.hostile.attacks.breaking import break_off
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(120, func_only=True)


async def test_broken_uploads_and_downloads_leave_everything_as_it_was(site: Site) -> None:
    gateway = site.gateway
    # Larger than what kernels take on the way, which counts as received.
    tasks = [gateway.submit(noise(1300, seed), LARGE) for seed in range(2)]
    results = [f"/v1/photos/{gateway.until(task, 'completed')['task_id']}" for task in tasks]
    async with siege(site) as under:
        under.tally.add(await break_off(site.door, results, count=400, at_once=40, seed=9))
    for result in results:
        assert gateway.client.get(result).json()["status"] == "completed", "what did not arrive is gone"
        image = gateway.client.get(f"{result}/image")
        assert image.status_code == 200
        assert image.content.startswith(b"\xff\xd8")
        assert image.content.endswith(b"\xff\xd9")
    assert under.peak.rss - under.before.rss < 300e6
