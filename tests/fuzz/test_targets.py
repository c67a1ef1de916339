"""Each parser on what once broke it, on good input, and on some thousands of inputs led by coverage."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from tests.fuzz.fuzzing import REGRESSIONS, can_fuzz, fuzz, regressions
from tests.fuzz.targets import TARGETS


def require_fuzzer() -> None:
    """Skip where atheris is missing; it has no build for Python 3.10."""
    if can_fuzz():
        return
    if sys.version_info >= (3, 11) and os.environ.get("LIMNER_REQUIRE_ALL") == "1":
        pytest.fail("atheris is missing")
    pytest.skip("atheris is missing; it has no build for Python 3.10")


@pytest.mark.parametrize("name", TARGETS)
def test_good_input_and_what_once_broke_it(name: str) -> None:
    seeds, check = TARGETS[name].load(name)
    for data in (*seeds(), *regressions(name), b"", b"\0", b"\n" * 9):
        check(data)


@pytest.mark.parametrize("name", TARGETS)
def test_fuzzed(name: str) -> None:
    require_fuzzer()
    outcome = fuzz(name)
    assert not outcome.found, f"{outcome.found}: {outcome.artifact!r}\n{outcome.text}"
    assert outcome.executions >= TARGETS[name].runs
    assert outcome.coverage > 0


def test_regressions_are_small_and_of_a_target() -> None:
    for path in REGRESSIONS.rglob("*"):
        if path.is_file():
            assert path.parent.name in TARGETS
            assert path.stat().st_size < 2048


def test_a_fault_is_found() -> None:
    """One that hides behind three comparisons."""
    require_fuzzer()
    outcome = fuzz("faulty")
    assert outcome.found == "exception"
    assert outcome.artifact.startswith(b"fau")
    assert "ZeroDivisionError" in outcome.text


def test_memory_counts_from_nothing() -> None:
    """As long as a program inherits the most memory of its parent, a long test run looks like a leak."""
    require_fuzzer()
    mib = 400
    grown = np.ones(mib << 20, np.uint8)
    outcome = fuzz("options", runs=100)
    assert grown.all()
    assert 0 < outcome.memory_mb < mib
