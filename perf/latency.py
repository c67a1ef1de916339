"""How long calls took, in few numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the values do not exceed: the nearest rank.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("there is nothing to take a percentile of")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Count, median, 95th and 99th percentile and maximum, in milliseconds; the count alone where there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return {"calls": 0}
    figures = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        "calls": len(ordered),
        **{f"{name}_ms": round(percentile(ordered, share) * 1000, 1) for name, share in figures.items()},
    }


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median, smallest and largest, to so many digits, in the values' own unit."""
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.{digits}g}") for name, value in figures.items()}
