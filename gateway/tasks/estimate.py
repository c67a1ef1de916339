"""How long an enhancement will take, learned from those before it."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.options import Options

_KEPT = 50
"""Runs of one kind that are remembered; older ones tell of another load or another machine."""

_RIDGE = 1e-3
"""Weight that keeps the coefficients finite while there are few runs."""

_TRUSTED = 0.9
"""Share of the expected time up to which progress goes with the clock; beyond, it creeps towards 1 without end."""


@dataclass(frozen=True)
class Run:
    """A finished enhancement: ``load`` is how many were at work meanwhile, on average, itself among them."""

    megapixels: float
    faces: int
    load: float
    seconds: float


class Estimator:
    """Least squares over the last runs with the same size of result, restorer and background.

    Seconds are taken to be a constant, a part per megapixel of the input, a part per face, and a part per megapixel
    and neighbour at work; none of them negative.
    """

    def __init__(self) -> None:
        self._runs: defaultdict[tuple[object, ...], deque[Run]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def learn(self, options: Options, run: Run) -> None:
        self._runs[_kind(options)].append(run)

    def seconds(self, options: Options, megapixels: float, load: float) -> float | None:
        """Expected seconds of work; None where nothing like it has run yet. Faces are as many as usual."""
        runs = self._runs.get(_kind(options))
        if not runs:
            return None
        faces = sum(run.faces for run in runs) / len(runs)
        expected = float(_features(megapixels, faces, load) @ _fit(runs))
        fastest, slowest = min(run.seconds for run in runs), max(run.seconds for run in runs)
        largest = max(run.megapixels for run in runs)
        # Far from what was seen a straight line is a guess: not below the fastest, nor above the slowest scaled up.
        return min(max(expected, fastest / 2), 2 * slowest * max(1.0, megapixels / largest) * max(1.0, load))


def progress(elapsed: float, expected: float | None) -> float:
    """Share of the work that is done after ``elapsed`` seconds: 0 to below 1; 0 where nothing is expected."""
    if not expected or elapsed <= 0:
        return 0.0
    share = elapsed / expected
    if share <= _TRUSTED:
        return share
    return _TRUSTED + (0.99 - _TRUSTED) * (1 - math.exp(_TRUSTED - share))


def _kind(options: Options) -> tuple[object, ...]:
    return options.scale, options.restorer, options.background, options.aligned


def _features(megapixels: float, faces: float, load: float) -> NDArray[np.float64]:
    return np.array([1.0, megapixels, faces, megapixels * max(0.0, load - 1)])


def _fit(runs: deque[Run]) -> NDArray[np.float64]:
    rows = np.stack([_features(run.megapixels, run.faces, run.load) for run in runs])
    seconds = np.array([run.seconds for run in runs])
    coefficients = np.zeros(rows.shape[1])
    used = np.ones(rows.shape[1], dtype=bool)
    for _ in range(rows.shape[1]):
        part = rows[:, used]
        solved = np.linalg.solve(part.T @ part + _RIDGE * np.eye(part.shape[1]), part.T @ seconds)
        if (solved >= 0).all():
            coefficients[used] = solved
            break
        used[np.flatnonzero(used)[solved < 0]] = False
        if not used.any():
            break
    return coefficients
