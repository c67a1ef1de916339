"""Event streams, again and again."""

from __future__ import annotations

import pytest

from tests.deploy.photos import QUICK, noise
from tests.hostile.attacks.streams import reconnect
from tests.hostile.siege import siege
from tests.hostile.site import Site

pytestmark = pytest.mark.timeout(120, func_only=True)


async def test_streams_that_come_again_and_again_leave_nothing_behind(site: Site) -> None:
    gateway = site.gateway
    task = gateway.submit(noise(32), QUICK)
    gateway.until(task, "completed")
    slow = gateway.submit(noise(200), {"background": "realesrgan", "restorer": "none"})
    paths = [f"/v1/photos/{task}", f"/v1/photos/{slow}", f"/v1/batches/{task}", f"/v1/photos/{'0' * 32}"]
    try:
        async with siege(site) as under:
            under.tally.add(await reconnect(site.door, paths, clients=200, times=3, seed=9))
            assert gateway.client.delete(f"/v1/photos/{slow}").status_code == 200
    finally:
        gateway.client.delete(f"/v1/photos/{task}")
    assert set(under.tally.statuses) <= {200, 400, 404, 429, 503}
    assert under.tally.statuses[200] > 100
    assert under.tally.statuses[404] > 100
    assert under.peak.rss - under.before.rss < 100e6
