"""``limner key``: what it prints opens the gateway, and nothing that it prints twice does."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.main import cli
from gateway.access.keys import ApiKey, KeyRing
from limner.errors import SettingsError
from limner.settings import Settings


def made(*arguments: str) -> ApiKey:
    """Runs the command and presents the key to a gateway that has the entry."""
    answer = CliRunner().invoke(cli, ["key", *arguments], catch_exceptions=False)
    (_, _, secret), (_, _, entry) = (line.partition(":   ") for line in answer.stdout.splitlines())
    found = KeyRing.from_settings(Settings(api_keys=entry.strip())).find(secret.strip().encode())
    assert found is not None
    assert secret.strip() not in entry
    return found


def test_key_with_a_name_roles_and_a_limit() -> None:
    key = made("alice", "--roles", "enhance+metrics", "--limit", "100/minute;5000/day")
    assert (key.name, key.roles, key.limit) == ("alice", frozenset({"enhance", "metrics"}), "100/minute;5000/day")


def test_limit_alone() -> None:
    assert made("alice", "--limit", "off").limit == "off"


def test_key_without_a_name_is_named_by_its_hash() -> None:
    key = made()
    assert (key.name, key.roles, key.limit) == (key.digest.hex()[:8], frozenset({"enhance"}), None)


def test_no_two_keys_are_alike() -> None:
    assert made("alice").digest != made("alice").digest


@pytest.mark.parametrize(
    "arguments",
    [["a b"], ["x" * 65], ["a:b"], ["sixteen-or-more-signs,b"], ["a", "--roles", "root"], ["a", "--limit", "5"]],
)
def test_nothing_is_made_that_the_gateway_would_refuse(arguments: list[str]) -> None:
    with pytest.raises(SettingsError):
        CliRunner().invoke(cli, ["key", *arguments], catch_exceptions=False)
