"""A short soak: after some hundred requests, handles, segments and tasks are what they were after the first ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.supervisor import Supervisor
from tests.gateway.replica import Replica
from tests.soak.soak import Soak

pytestmark = pytest.mark.timeout(600)

WARM_UP, REQUESTS = 300, 450
SECONDS = 400.0
"""Bounds a run on a busy machine, where fewer requests are as good."""

GROWTH_MIB = 100.0
"""Allocators take and give back some 70. Photo, pixels and result of each request, were they kept, would be 140."""


@pytest.fixture
def soak(supervisor: Supervisor, tmp_path: Path) -> Iterator[Soak]:
    gateway = Replica(supervisor.endpoint.url, tmp_path / "log", LIMNER_CANARY_INTERVAL="3600").wait()
    running = Soak(gateway, supervisor)
    yield running
    running.close()
    gateway.stop()


def test_everything_returns_to_where_it_was(soak: Soak) -> None:
    soak.run(WARM_UP, SECONDS / 2)
    before = soak.settle()
    soak.run(REQUESTS, SECONDS)
    after = soak.settle()
    assert after.sent - before.sent > REQUESTS / 4
    assert set(soak.outcomes) == {"right"}, soak.outcomes
    assert after.segments == before.segments
    assert after.gateway_handles <= before.gateway_handles + 4
    assert after.triton_handles <= before.triton_handles + 4
    assert after.gateway_mib - before.gateway_mib < GROWTH_MIB
    assert after.triton_mib - before.triton_mib < GROWTH_MIB
