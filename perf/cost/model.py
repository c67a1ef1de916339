"""The cost model: what a photo costs as a sum of a constant and a price for each of a few quantities.

Pure functions of what was measured. A model knows within which limits it was measured, and goes beyond them only where
it is told to, and then says so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Work = Mapping[str, float]
"""Quantities of one photo by name, such as ``output_mpx``."""

CONSTANT = "constant"


class OutOfRange(ValueError):
    """A prediction was asked for beyond what was measured."""


@dataclass(frozen=True)
class Prediction:
    """``beyond`` names the quantities that lie outside what was measured; empty for an interpolation."""

    value: float
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """A fitted sum.

    Attributes:
        prices: by quantity, and ``constant``: of the fitted value's unit for one of the quantity; none is negative.
        limits: smallest and largest of each quantity among what was measured.
        residuals: of each measurement, as a part of it: 0.1 where the fit is a tenth too high.
    """

    prices: Mapping[str, float]
    limits: Mapping[str, tuple[float, float]]
    residuals: tuple[float, ...]

    @property
    def error(self) -> float:
        """Root mean square of the residuals."""
        return math.sqrt(sum(residual**2 for residual in self.residuals) / len(self.residuals))

    @property
    def worst(self) -> float:
        """The largest residual, without its sign."""
        return max(map(abs, self.residuals))

    def predict(self, work: Work, *, beyond: bool = False) -> Prediction:
        """What a photo costs.

        Raises:
            OutOfRange: a quantity lies outside what was measured, and ``beyond`` does not allow it.
        """
        outside = tuple(name for name, (low, high) in self.limits.items() if not low <= work[name] <= high)
        if outside and not beyond:
            spans = (f"{name} is {work[name]:g}, measured {self.limits[name]}" for name in outside)
            raise OutOfRange("beyond what was measured: " + "; ".join(spans))
        priced = sum(price * work[name] for name, price in self.prices.items() if name != CONSTANT)
        return Prediction(self.prices[CONSTANT] + priced, outside)


def fit(rows: Sequence[Work], costs: Sequence[float], quantities: Sequence[str]) -> Fit:
    """Least squares of the relative residuals, so that cheap photos count as much as dear ones; no price is negative.

    A quantity that is the same in all rows has no price of its own, and is out of range with any other value.

    Raises:
        ValueError: there are fewer rows than prices, a cost is not positive, or the rows do not tell two quantities
            apart.
    """
    limits = {name: (min(row[name] for row in rows), max(row[name] for row in rows)) for name in quantities}
    names = [CONSTANT, *(name for name, (low, high) in limits.items() if low < high)]
    values = np.asarray(costs, np.float64)
    if len(rows) < len(names) or (values <= 0).any():
        raise ValueError(f"{len(names)} prices need as many positive costs; there are {int((values > 0).sum())}")
    matrix = np.array([[1.0, *(row[name] for name in names[1:])] for row in rows], np.float64)
    if np.linalg.matrix_rank(matrix / np.abs(matrix).max(axis=0)) < len(names):
        raise ValueError(f"the rows do not tell {', '.join(names)} apart")
    prices = _non_negative(matrix / values[:, None], np.ones(len(values)))
    return Fit(
        prices=dict.fromkeys(quantities, 0.0) | dict(zip(names, map(float, prices), strict=True)),
        limits=limits,
        residuals=tuple(map(float, matrix @ prices / values - 1)),
    )


def _non_negative(matrix: Floats, values: Floats) -> Floats:
    """Least squares without negative numbers: the best of all choices which of the few columns count."""
    best, least = np.zeros(matrix.shape[1]), float(values @ values)
    for size in range(1, matrix.shape[1] + 1):
        for columns in itertools.combinations(range(matrix.shape[1]), size):
            chosen, *_ = np.linalg.lstsq(matrix[:, columns], values, rcond=None)
            left = float(np.sum((matrix[:, columns] @ chosen - values) ** 2))
            if (chosen >= 0).all() and left < least:
                best, least = np.zeros(matrix.shape[1]), left
                best[list(columns)] = chosen
    return best
