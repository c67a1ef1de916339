"""What photos' outcomes say, in few numbers; and over several seeds, how far they vary."""

from __future__ import annotations

import statistics as numbers
from collections.abc import Sequence
from dataclasses import dataclass

from perf.latency import percentile
from perf.simulation.gateway import Outcome


@dataclass(frozen=True)
class Summary:
    """Of a run.

    Attributes:
        photos: that came.
        done, refused, failed: of them; refused is a 503, failed was taken and lost.
        mean, p50, p95: seconds from arrival to result, of those that are done; 0 where none is.
        per_second: photos done, from the first arrival to the last end.
    """

    photos: int
    done: int
    refused: int
    failed: int
    mean: float
    p50: float
    p95: float
    per_second: float


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """Of ``outcomes`` in the order of arrival."""
    seconds = sorted(outcome.seconds for outcome in outcomes if outcome.status == "done")
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in ("refused", "failed")}
    ends = [outcome.ended for outcome in outcomes if outcome.status == "done"]
    span = max(ends) - outcomes[0].arrived if ends else 0.0
    return Summary(
        photos=len(outcomes),
        done=len(seconds),
        refused=counts["refused"],
        failed=counts["failed"],
        mean=numbers.fmean(seconds) if seconds else 0.0,
        p50=percentile(seconds, 0.5) if seconds else 0.0,
        p95=percentile(seconds, 0.95) if seconds else 0.0,
        per_second=len(seconds) / span if span > 0 else 0.0,
    )


def between(outcomes: Sequence[Outcome], begin: float, end: float) -> list[Outcome]:
    """Those that arrived from ``begin`` to ``end``."""
    return [outcome for outcome in outcomes if begin <= outcome.arrived < end]


def over_seeds(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Mean, smallest and largest."""
    figures = {"mean": numbers.fmean(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.{digits}g}") for name, value in figures.items()}


def over_runs(runs: Sequence[Summary]) -> dict[str, dict[str, float]]:
    """Each figure of several runs, over their seeds."""
    return {name: over_seeds([float(getattr(run, name)) for run in runs]) for name in Summary.__dataclass_fields__}
