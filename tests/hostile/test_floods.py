"""More uploads than quotas and places allow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.conftest import StartNginx
from tests.hostile.attacks.floods import flood
from tests.hostile.siege import siege
from tests.hostile.site import Site, open_site

pytestmark = pytest.mark.timeout(120, func_only=True)

COUNT = 2000


@pytest.fixture(scope="module")
def limited(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a quota that the ordinary client does not reach, and floods do."""
    log = tmp_path_factory.mktemp("limited") / "log"
    with open_site(triton_url, log, LIMNER_RATE_LIMIT="100/minute;400/hour") as site:
        yield site


@pytest.mark.parametrize("clients", [1, 1000], ids=["one client", "a thousand"])
async def test_a_flood_of_uploads_is_refused_with_a_time_to_come_back(limited: Site, clients: int) -> None:
    async with siege(limited) as under:
        under.tally.add(await flood(limited.door, COUNT, clients))
    statuses = under.tally.statuses
    assert set(statuses) <= {415, 429, 503}
    assert statuses.total() == COUNT
    if clients == 1:
        assert statuses[415] <= 100, "more were looked at than the quota allows"
    assert under.peak.rss - under.before.rss < 100e6


async def test_a_flood_through_nginx_does_not_reach_the_gateway(limited: Site, start_nginx: StartNginx) -> None:
    fronted = limited.behind(start_nginx(f"127.0.0.1:{limited.gateway.port}"))
    async with siege(fronted) as under:
        under.tally.add(await flood(fronted.door, COUNT, 1000))
    statuses = under.tally.statuses
    assert set(statuses) <= {415, 429, 503}
    assert statuses[429] > COUNT / 2, "the address that a client makes up for itself is believed"
