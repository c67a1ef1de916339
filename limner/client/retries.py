"""How long to wait before a refused call is made again."""

from __future__ import annotations

import random
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

RETRIED = frozenset({429, 503})
"""Statuses that say: the same request, later. Whatever else is refused would be refused again."""

_SHORTEST, _LONGEST = 0.5, 30.0
_JITTER = 0.1


class Waits:
    """The pauses of one call, ``patience`` seconds in all."""

    def __init__(self, patience: float) -> None:
        self._deadline = time.monotonic() + patience
        self._attempts = 0

    def next(self, retry_after: float | None) -> float | None:
        """Seconds to wait, or None where patience would end before.

        At least as long as the server asks. Where it does not say, half a second, then twice as long each time. A
        random bit more keeps clients that were refused together from coming back together.
        """
        backoff = min(_SHORTEST * 2**self._attempts, _LONGEST)
        self._attempts += 1
        pause = backoff if retry_after is None else max(retry_after, _SHORTEST)
        pause += random.uniform(0, _JITTER * pause)  # noqa: S311 - no secret
        return pause if time.monotonic() + pause <= self._deadline else None


def seconds_of(retry_after: str | None) -> float | None:
    """``Retry-After`` (RFC 9110, 10.2.3) in seconds from now: a number or a date; None where it is neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000": UTC, by RFC 5322
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - datetime.now(timezone.utc)).total_seconds())
