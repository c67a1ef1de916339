"""A public address needs keys, or somebody who wants none."""

from __future__ import annotations

import logging

import pytest

from gateway.access.exposure import check_exposure
from gateway.access.keys import KeyRing, parse_keys
from limner.errors import SettingsError
from limner.settings import Settings

PRIVATE = ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "localhost"]
PUBLIC = ["0.0.0.0", "::", "192.168.0.1", "203.0.113.7", "2001:db8::1", "0", "127.1", "localhost.", "limner.example"]
KEYS = KeyRing(parse_keys(f"alice:{'0' * 64}"))


@pytest.mark.parametrize("host", PRIVATE)
def test_this_machine_may_do_without(host: str, caplog: pytest.LogCaptureFixture) -> None:
    check_exposure(Settings(host=host), KeyRing())
    assert not caplog.records


@pytest.mark.parametrize("host", PUBLIC)
def test_others_may_not(host: str) -> None:
    with pytest.raises(SettingsError, match=r"LIMNER_HOST is .*LIMNER_API_KEYS.*LIMNER_ALLOW_ANONYMOUS=1"):
        check_exposure(Settings(host=host), KeyRing())


def test_an_empty_host_is_every_address() -> None:
    with pytest.raises(SettingsError):
        check_exposure(Settings().model_copy(update={"host": ""}), KeyRing())


@pytest.mark.parametrize("host", PUBLIC)
def test_keys_open_it(host: str, caplog: pytest.LogCaptureFixture) -> None:
    check_exposure(Settings(host=host), KEYS)
    assert not caplog.records


@pytest.mark.parametrize("host", PUBLIC)
def test_a_waiver_opens_it_and_is_logged(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_exposure(Settings(host=host, allow_anonymous=True), KeyRing())
    (record,) = caplog.records
    assert "without a key" in record.getMessage()
