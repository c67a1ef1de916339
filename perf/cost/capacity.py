"""From what was measured to what an operator asks: photos per hour, memory, replicas. Pure functions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perf.cost.model import CONSTANT, Fit, Prediction, Work, fit
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO, QUANTITIES

STAGES = {
    "decode": (PHOTO,),
    "detect": (PHOTO,),
    "restore": (FACES,),
    "upscale": (NETWORK, OUTPUT),
    "encode": (OUTPUT, FACES),
    "measure": (PHOTO, OUTPUT, FACES),
}
"""The stages that a report names, and what their time grows with. ``encode`` includes putting faces back."""

_MEMORY = (PHOTO, OUTPUT, FACES)
"""Of tiles two are at work at a time, however many there are."""

_LEAST_MS, _LEAST_SECONDS = 0.1, 0.01
"""What a report rounds to, and the kernel's clock: so that what took less has a cost."""

_TELLING_MIB = 200.0
"""What others beside a photo must need together to tell the share of it: two runs differ by some tens of MiB."""

_ROUNDING = 1e-9
"""So that what fits exactly is not rounded up."""


@dataclass(frozen=True)
class CostModel:
    """Fits to one run.

    Attributes:
        core_seconds: processor time of a photo, in seconds of one core.
        seconds: time of a photo that is alone, in seconds.
        memory: of the server with one photo at work, in MiB; the constant is what it holds anyway. A server keeps most
            of what it once needed, so this is fitted to those rows that needed more than all before them.
        stages: time of each stage of a photo that is alone, in milliseconds.
    """

    core_seconds: Fit
    seconds: Fit
    memory: Fit
    stages: Mapping[str, Fit]

    @staticmethod
    def of(rows: Sequence[Mapping[str, Any]]) -> CostModel:
        """Fitted to the rows ``series`` of a result, in the order in which they were measured."""
        work = [row["work"] for row in rows]
        highest = [0.0, *itertools.accumulate((row["peak_mib"] for row in rows), max)]
        records = [row for row, before in zip(rows, highest, strict=False) if row["peak_mib"] > before]
        return CostModel(
            core_seconds=fit(work, [max(_LEAST_SECONDS, row["core_seconds"]["median"]) for row in rows], QUANTITIES),
            seconds=fit(work, [row["seconds"]["median"] for row in rows], QUANTITIES),
            memory=fit([row["work"] for row in records], [row["peak_mib"] for row in records], _MEMORY),
            stages={
                stage: fit(work, [max(_LEAST_MS, row["stages_ms"][stage]) for row in rows], quantities)
                for stage, quantities in STAGES.items()
            },
        )

    def memory_at_once(self, photos: Sequence[Work], further: float = 1.0, *, beyond: bool = False) -> Prediction:
        """MiB of the server while ``photos`` are at work at the same time.

        Args:
            photos: one or more.
            further: share of its own need that each photo but the neediest adds, since they are not at their peak in
                the same moment; 1 as though they were.
            beyond: whether a photo may lie outside what was measured.

        Raises:
            OutOfRange: a photo does, and ``beyond`` does not allow it.
        """
        held = self.memory.prices[CONSTANT]
        alone = [self.memory.predict(photo, beyond=beyond) for photo in photos]
        needs = sorted((one.value - held for one in alone), reverse=True)
        outside = dict.fromkeys(name for one in alone for name in one.beyond)
        return Prediction(held + needs[0] + further * sum(needs[1:]), tuple(outside))

    def further_share(self, crowds: Sequence[Mapping[str, Any]]) -> float:
        """Share of its own need that a photo adds beside others: the largest among the rows ``crowds`` of a result.

        Each crowd is compared with a single user of the same photo, small ones of small photos are left out; without
        any to compare it is 1.
        """
        single = {row["photo"]: row["peak_mib"] for row in crowds if row["users"] == 1 and row["done"]}
        shares = []
        for row in crowds:
            if row["users"] > 1 and row["done"] and row["photo"] in single:
                need = self.memory.predict(row["work"], beyond=True).value - self.memory.prices[CONSTANT]
                others = (row["users"] - 1) * need
                if others >= _TELLING_MIB:
                    shares.append((row["peak_mib"] - single[row["photo"]]) / others)
        return max(0.0, *shares) if shares else 1.0

    def mean_core_seconds(self, mix: Sequence[tuple[float, Work]], *, beyond: bool = False) -> Prediction:
        """Of a photo of a mix: the share of each kind, in any unit, and its quantities.

        Raises:
            ValueError: the shares are negative or nothing.
            OutOfRange: one of them lies outside what was measured, and ``beyond`` does not allow it.
        """
        total = sum(share for share, _ in mix)
        if total <= 0 or any(share < 0 for share, _ in mix):
            raise ValueError("the shares of a mix must be positive")
        costs = [(share / total, self.core_seconds.predict(work, beyond=beyond)) for share, work in mix]
        outside = dict.fromkeys(name for _, cost in costs for name in cost.beyond)
        return Prediction(sum(share * cost.value for share, cost in costs), tuple(outside))


def photos_per_hour(core_seconds: float, cores: float = 1.0) -> float:
    """Photos of ``core_seconds`` each that ``cores`` can do in an hour, were they never idle."""
    return 3600 * cores / core_seconds


def replicas(photos_per_day: float, core_seconds: float, cores: int, peak: float, load: float) -> int:
    """Servers of ``cores`` cores for a number of photos a day.

    Args:
        photos_per_day: of ``core_seconds`` each.
        core_seconds: of a photo.
        cores: of one server.
        peak: how many times the mean the busiest hour has.
        load: share of the cores that may be busy in that hour, 0 to 1; the rest keeps queues short.
    """
    busy = photos_per_day / 86_400 * peak * core_seconds
    return max(1, math.ceil(busy / (cores * load) - _ROUNDING))
