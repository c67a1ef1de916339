"""Nobody shall open a gateway to the world by accident."""

from __future__ import annotations

import logging

from gateway.access.client import parse_address
from gateway.access.keys import KeyRing
from limner.errors import SettingsError
from limner.settings import Settings

log = logging.getLogger("limner.gateway")


def check_exposure(settings: Settings, keys: KeyRing) -> None:
    """Refuse to listen beyond this machine without keys, unless that is wanted.

    Raises:
        SettingsError: it was not said to be wanted.
    """
    if keys or is_loopback(settings.host):
        return
    if not settings.allow_anonymous:
        raise SettingsError(
            f"LIMNER_HOST is {settings.host}, which others can reach, and there are no API keys. Make one with "
            "`limner key` and set LIMNER_API_KEYS, or set LIMNER_ALLOW_ANONYMOUS=1 to let anyone in."
        )
    log.warning("LIMNER_HOST is %s: whoever reaches this address can use it without a key.", settings.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``. Of names, which may resolve to anything, `localhost` alone does."""
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback
