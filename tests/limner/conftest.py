"""A process without any settings of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from limner.settings import get_settings


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No variable ``LIMNER_*`` is set, and nothing is remembered from one test to the next."""
    for name in [name for name in os.environ if name.upper().startswith("LIMNER_")]:
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()
