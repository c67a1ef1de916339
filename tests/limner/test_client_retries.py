"""How long the client waits before it asks again."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from limner.client.retries import Waits, seconds_of


def test_pauses_are_as_long_as_was_asked_and_spread() -> None:
    random.seed(0)
    waits = Waits(1000)
    asked = [waits.next(20) for _ in range(10)]
    assert all(20 <= (pause or 0) <= 22 for pause in asked)
    assert len(set(asked)) > 5
    growing = [Waits(1000)] * 8
    pauses = [waits.next(None) or 0 for waits in growing]
    assert pauses[0] < 0.6
    assert 29 < pauses[-1] <= 33
    assert Waits(10).next(11) is None


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=100)
    assert 97 < (seconds_of(format_datetime(soon, usegmt=True)) or 0) <= 100
    assert seconds_of("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert seconds_of("Sun, 06 Nov 1994 08:49:37 -0000") == 0
    assert seconds_of(" 7 ") == 7
    for odd in (None, "", "-1", "soon", "1.5", "²", "9" * 5000 + "x"):
        assert seconds_of(odd) is None
    assert seconds_of("9" * 5000) == 999_999_999


@given(st.text())
def test_no_retry_after_is_an_accident(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is None or seconds >= 0
