"""Gateways and Tritons are replaced one after the other while photos are at work, and none of them is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.redis_server import RedisServer
from tests.reliability.outcome import Alone
from tests.reliability.rolling import gateways_replaced, tritons_replaced

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(200, func_only=True)

TOLD_TO_TRY_AGAIN = {"shutting-down", "server-unreachable", "temporary-reduced-capacity", "quota-exceeded"}
"""The last is nginx's own: clients here send as fast as they can."""


def test_gateways_are_replaced_one_after_the_other(
    triton_url: str, redis_server: RedisServer, tmp_path: Path, alone: Alone
) -> None:
    """What was accepted with 202 is completed, fetched once, and right; what was not says that it may come again."""
    tally = gateways_replaced(triton_url, redis_server.url, tmp_path, alone)
    assert tally.replaced == 2
    assert tally.wrong == []
    assert tally.right == tally.accepted
    assert set(tally.refused) <= TOLD_TO_TRY_AGAIN


def test_tritons_are_replaced_one_after_the_other(tmp_path: Path) -> None:
    """Nothing is refused: the gateway has another server to go to."""
    tally = tritons_replaced(tmp_path)
    assert tally.replaced == 2
    assert tally.wrong == []
    assert tally.right == tally.accepted == tally.tried
