"""Which store the settings ask for."""

from __future__ import annotations

from gateway.state.memory import MemoryStore
from gateway.state.redis import RedisStore
from gateway.state.store import Store
from limner.settings import Settings


def open_store(settings: Settings) -> Store:
    """In Redis where ``LIMNER_REDIS_URL`` is set, else in this process. Nothing is connected yet.

    Raises:
        SettingsError: the URL cannot be used.
    """
    if settings.redis_url is None:
        return MemoryStore()
    return RedisStore(settings.redis_url.get_secret_value())
