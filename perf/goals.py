"""What the outcomes of equal tasks say about fairness, and whether a goal is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


def slowest_to_mean(seconds: Sequence[float]) -> float:
    """How much longer than on average the slowest of equal tasks took; 1 where all took the same."""
    return max(seconds) / statistics.mean(seconds)


def one_after_the_other(tasks: int) -> float:
    """:func:`slowest_to_mean` of equal tasks that come at the same moment and are done one by one.

    That order keeps nobody waiting longer than any other would: the last task ends when all work is done, whatever
    the order, and each of the others ends before. Sharing evenly brings this figure to 1 by delaying all but the last.
    """
    return 2 * tasks / (tasks + 1)


@dataclass(frozen=True)
class Goal:
    """A figure and its limit, which it must reach or must not exceed."""

    name: str
    value: float
    at: Literal["least", "most"]
    limit: float

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at == "least" else self.value <= self.limit

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"met": self.is_met}


def goals_table(goals: Sequence[dict[str, object]]) -> str:
    """The goals of a result as a table in Markdown."""
    rows = [
        f"| {goal['name']} | {goal['value']:.3g} | at {goal['at']} {goal['limit']:g} "
        f"| {'met' if goal['met'] else '**missed**'} |"
        for goal in goals
    ]
    return "\n".join(["| goal | measured | limit | |", "|---|---|---|---|", *rows])
