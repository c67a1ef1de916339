"""Hostile images one after the other through the decoder: no crash, no hang, memory within the limit."""

from __future__ import annotations

from itertools import islice
from types import ModuleType

import pytest

from limner.canary import canary_png
from tests.ensemble.files import chunk
from tests.fuzz.corpus import jpeg, metadata, png, polyglots, structures, webp
from tests.fuzz.corpus.case import Case
from tests.fuzz.corpus.png_parts import END, header, zeros
from tests.fuzz.images import Answer, Figures, Worker, run_images

EVERY = 6
"""Of the spoilt pieces one in so many; the others are for the long form."""


def assert_clean(figures: Figures) -> None:
    assert not figures.crashes, figures.crashes[:5]
    assert not figures.hangs, figures.hangs[:5]
    assert not figures.faults, figures.faults[:5]
    assert figures.outcomes["decoded"] > 0


@pytest.mark.parametrize("part", [jpeg, png, webp, metadata, polyglots], ids=lambda part: part.__name__[18:])
def test_bombs_and_lies(part: ModuleType) -> None:
    figures = run_images(part.cases())
    assert_clean(figures)
    if part is not metadata:  # which is left out, however broken
        assert figures.outcomes["damaged-image"] > 0
    assert figures.tried > 100


def test_spoilt_pieces() -> None:
    figures = run_images(islice(structures.cases(seed=1), 0, None, EVERY))
    assert_clean(figures)
    assert figures.outcomes["damaged-image"] > 0
    assert figures.tried > 2000


def test_a_photo_that_takes_too_long_is_told_as_a_hang_and_the_rest_goes_on() -> None:
    slow = header(7000, 7000) + chunk(b"IDAT", zeros(7000 * 21_001)) + END
    figures = run_images([Case("slow", slow), Case("good", canary_png())], seconds=0.05)
    assert figures.hangs[0] == "slow"


def test_a_photo_that_takes_too_much_memory_does_not_pass_for_decoded() -> None:
    large = header(5000, 5000) + chunk(b"IDAT", zeros(5000 * 15_001)) + END
    figures = run_images([Case("large", large)], memory_bytes=64 << 20)
    assert figures.outcomes["decoded"] == 0


def test_faults_and_crashes_are_counted() -> None:
    figures = Figures()
    for outcome in ("decoded", "fault: AssertionError", "crash -11", "hang"):
        figures.add(Case(outcome, b"x"), Answer(outcome, 0.1, 5))
    assert not figures.clean
    assert figures.faults == ["fault: AssertionError: AssertionError"]
    assert figures.crashes == ["crash -11: -11"]
    assert figures.hangs == ["hang"]
    assert Figures().clean


def test_the_worker_tells_what_a_photo_took() -> None:
    worker = Worker()
    try:
        answer = worker.decode(header(3000, 3000) + chunk(b"IDAT", zeros(3000 * 9001)) + END)
    finally:
        worker.close()
    assert answer.outcome == "decoded"
    assert answer.bytes > 3000 * 3000 * 3
    assert answer.seconds > 0
