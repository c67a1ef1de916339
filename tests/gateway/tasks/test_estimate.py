"""What is learned from runs, and how it becomes progress."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tasks.estimate import Estimator, Run, progress
from limner.options import Options, parse_options

OPTIONS = Options()


def truth(megapixels: float, faces: int, load: float) -> float:
    return 0.4 + 20 * megapixels + 1.5 * faces + 8 * megapixels * (load - 1)


def learned(runs: int, seed: int = 1) -> Estimator:
    """After runs of one face each, with a tenth of noise."""
    chance, estimator = np.random.default_rng(seed), Estimator()
    for _ in range(runs):
        megapixels, load = chance.uniform(0.05, 1.0), chance.uniform(1, 5)
        seconds = truth(megapixels, 1, load) * chance.uniform(0.95, 1.05)
        estimator.learn(OPTIONS, Run(megapixels, 1, load, seconds))
    return estimator


def test_nothing_is_known_before_the_first_run() -> None:
    assert Estimator().seconds(OPTIONS, 1.0, 1) is None
    assert learned(5).seconds(parse_options({"enhancement_level": 4}), 1.0, 1) is None


def test_one_run_tells_of_its_like() -> None:
    estimator = Estimator()
    estimator.learn(OPTIONS, Run(0.5, 1, 1, 10.0))
    assert estimator.seconds(OPTIONS, 0.5, 1) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(("megapixels", "load"), [(0.1, 1), (0.5, 1), (0.9, 1), (0.5, 4)])
def test_many_runs_tell_size_and_load_apart(megapixels: float, load: float) -> None:
    expected = learned(40).seconds(OPTIONS, megapixels, load)
    assert expected == pytest.approx(truth(megapixels, 1, load), rel=0.15)


def test_old_runs_are_forgotten() -> None:
    estimator = Estimator()
    for seconds in [100.0] * 60 + [2.0] * 50:
        estimator.learn(OPTIONS, Run(0.5, 0, 1, seconds))
    assert estimator.seconds(OPTIONS, 0.5, 1) == pytest.approx(2, rel=0.02)


@given(
    st.lists(
        st.builds(
            Run,
            megapixels=st.floats(1e-6, 50),
            faces=st.integers(0, 512),
            load=st.floats(1, 10),
            seconds=st.floats(1e-3, 900),
        ),
        min_size=1,
        max_size=60,
    ),
    st.floats(1e-6, 50),
    st.floats(1, 10),
)
def test_an_estimate_is_a_positive_number(runs: list[Run], megapixels: float, load: float) -> None:
    estimator = Estimator()
    for run in runs:
        estimator.learn(OPTIONS, run)
    expected = estimator.seconds(OPTIONS, megapixels, load)
    assert expected is not None
    assert 0 < expected < float("inf")


def test_progress_without_an_estimate_claims_nothing() -> None:
    assert progress(5.0, None) == 0.0


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(1e-3, 1e4))
def test_progress_grows_and_never_claims_the_end(one: float, other: float, expected: float) -> None:
    early, late = progress(min(one, other), expected), progress(max(one, other), expected)
    assert 0 <= early <= late < 1


def test_progress_follows_the_clock_at_first() -> None:
    assert progress(3, 10) == pytest.approx(0.3)
    assert progress(9, 10) == pytest.approx(0.9)
    assert 0.9 < progress(12, 10) < progress(30, 10) < 1
