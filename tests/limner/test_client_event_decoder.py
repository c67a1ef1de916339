"""Server-sent events, cut anywhere."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.client.events import EventDecoder
from limner.errors import LimnerError

LINES = st.sampled_from([b"data: a", b"data:b", b"event: x", b": c", b"", b"", b"id: 1", b"data", "data: 照".encode()])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(LINES), ENDS, st.lists(st.integers(0, 200)))
def test_events_do_not_depend_on_how_bytes_are_cut(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    text = b"".join(line + end for line in lines)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    decoder = EventDecoder()
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    cut = [event for piece in pieces for event in decoder.feed(piece)]
    plain = b"".join(line + b"\n" for line in lines)
    assert cut == list(EventDecoder().feed(plain))


def test_data_of_several_lines_are_one() -> None:
    assert list(EventDecoder().feed(b"event: x\ndata: a\ndata:b\ndata\n\ndata: c\n\n")) == [
        ("x", b"a\nb\n"),
        ("", b"c"),
    ]


def test_an_event_without_end_is_given_up() -> None:
    for endless in (b"data: " + bytes(1_000_000), b"data\n" * 10_000):
        decoder = EventDecoder()
        with pytest.raises(LimnerError):
            deque(event for _ in range(100) for event in decoder.feed(endless))
