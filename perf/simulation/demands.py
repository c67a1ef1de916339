"""What photos ask of a server, from what ``perf.cost`` measured: on CPUs by its model, on GPUs by its sums."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perf.cost.capacity import CostModel
from perf.cost.gpu import Gpu, Operations, core_seconds_left
from perf.cost.model import Fit
from perf.cost.model import Work as Quantities
from perf.cost.work import FACES, NETWORK, expected_work
from perf.simulation.service import Demand, Work, serial_share, width

Rows = Sequence[Mapping[str, Any]]

_BEFORE = ("decode", "detect")
_HOST = (*_BEFORE, "encode", "measure")
_SHARPNESS_TWICE = 0.5
"""Of ``measure`` comes before the networks: the photo's own sharpness; the rest is the result's."""

LEAST_SECONDS = 0.2
"""Shorter photos' spread is that of the clock and of the machine, not of the service."""


@dataclass(frozen=True)
class Prices:
    """Of a part of a photo: core-seconds, and the share of them that one core does alone."""

    core_seconds: float
    serial: float

    @staticmethod
    def of(core_seconds: float, seconds: float) -> Prices:
        """As measured on two cores."""
        return Prices(core_seconds, serial_share(core_seconds, seconds))

    def work(self, cores: int, factor: float = 1.0) -> Work:
        return Work(self.core_seconds * factor, width(self.serial, cores))


@dataclass(frozen=True)
class Costs:
    """Of one photo.

    Attributes:
        host: everything but the networks; ``before`` is the share of it that comes before them.
        face, tile: of one; ``restorer`` is the restorer's share of a face, by operations, the rest is the parser's.
    """

    kind: str
    host: Prices
    before: float
    faces: int
    face: Prices
    restorer: float
    tiles: int
    tile: Prices

    def demand(self, cores: int, factor: float = 1.0) -> Demand:
        """On a server of ``cores`` cores; ``factor`` for one that is slower."""
        host, face = self.host.work(cores, factor), self.face.work(cores, factor)
        return Demand(
            kind=self.kind,
            before=host.times(self.before),
            after=host.times(1 - self.before),
            faces=self.faces,
            restorer=face.times(self.restorer),
            parser=face.times(1 - self.restorer),
            tiles=self.tiles,
            tile=self.tile.work(cores, factor),
        )

    @property
    def core_seconds(self) -> float:
        return self.host.core_seconds + self.faces * self.face.core_seconds + self.tiles * self.tile.core_seconds


class Measured:
    """A result of ``perf.cost`` as the source of demands."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.model = CostModel.of(result["series"])
        self._series: Rows = result["series"]
        self._flops: Mapping[str, int] = result["flops"]
        self.typical: Mapping[str, Mapping[str, Any]] = {row["name"]: row for row in result["typical"]}
        self.spread = spread(self._series)

    def costs(self, kind: str, work: Quantities, tiles: int, *, x4: bool = False) -> Costs:
        """Of a photo of such quantities; ``x4``: by Real-ESRGAN x4plus instead of x2plus."""
        host = dict(work) | {NETWORK: 0.0, FACES: 0.0}
        pasting = self._pasting_seconds()
        core_seconds, seconds = self.model.core_seconds, self.model.seconds
        megapixel = self._x4() if x4 else Prices.of(core_seconds.prices[NETWORK], seconds.prices[NETWORK])
        after_faces = pasting * work[FACES]
        return Costs(
            kind=kind,
            host=Prices.of(_value(core_seconds, host) + after_faces, _value(seconds, host) + after_faces),
            before=self._before(work),
            faces=int(work[FACES]),
            face=Prices.of(core_seconds.prices[FACES] - pasting, seconds.prices[FACES] - pasting),
            restorer=self._restorer(),
            tiles=tiles,
            tile=Prices(megapixel.core_seconds * work[NETWORK] / max(1, tiles), megapixel.serial),
        )

    def typical_costs(self, name: str, *, x4: bool = False) -> tuple[Costs, float]:
        """Of one of the typical photos, and the factor that makes its core-seconds the measured ones."""
        row = self.typical[name]
        tiles = row["tiles"]["total"] if row["tiles"] else 0
        fitted = self.costs(name, row["work"], tiles)
        factor = row["core_seconds"]["median"] / fitted.core_seconds
        return self.costs(name, row["work"], tiles, x4=x4), factor

    def unseen(self, kind: str, width_: int, height: int, model: str | None, tiles: int) -> Costs:
        """Of a photo that was not sent, with no face restored."""
        return self.costs(kind, expected_work(width_, height, 2, 0, model), tiles, x4=model == "realesrgan_x4")

    def gpu_demand(self, name: str, gpu: Gpu, cores: int) -> Demand:
        """Of a typical photo whose networks run on ``gpu``, in seconds of it: sums, nothing measured."""
        row = self.typical[name]
        work, tiles = row["work"], row["tiles"]["total"] if row["tiles"] else 0
        operations = Operations.of(self._flops, row["models"].values())
        costs = self.costs(name, work, tiles)
        host = Work(core_seconds_left(self.model, work), width(costs.host.serial, cores))
        face = Work(gpu.seconds(operations.face))
        return Demand(
            kind=name,
            before=host.times(costs.before),
            after=host.times(1 - costs.before),
            faces=costs.faces,
            restorer=face.times(costs.restorer),
            parser=face.times(1 - costs.restorer),
            tiles=tiles,
            tile=Work(gpu.seconds(operations.megapixel * work[NETWORK]) / max(1, tiles)),
        )

    def _pasting_seconds(self) -> float:
        """Of one core, for each restored face, after the networks."""
        return sum(self.model.stages[stage].prices[FACES] for stage in ("encode", "measure")) / 1000

    def _before(self, work: Quantities) -> float:
        stages = {stage: _value(self.model.stages[stage], work) for stage in _HOST}
        before = sum(stages[stage] for stage in _BEFORE) + _SHARPNESS_TWICE * stages["measure"]
        return before / sum(stages.values())

    def _restorer(self) -> float:
        restorer, parser = self._flops.get("gfpgan", 1), self._flops.get("parsenet", 1)
        return restorer / (restorer + parser)

    def _x4(self) -> Prices:
        """Of a megapixel of tiles through x4plus, from the photos that were enlarged by 4 and 8."""
        rows = [row for row in self._series if row["models"].get("background", "").startswith("realesrgan_x4")]
        if not rows:  # there was no other network
            prices = self.model.core_seconds.prices[NETWORK], self.model.seconds.prices[NETWORK]
            return Prices.of(*prices)
        return Prices.of(
            statistics.median(self._by_megapixel(row, "core_seconds", self.model.core_seconds) for row in rows),
            statistics.median(self._by_megapixel(row, "seconds", self.model.seconds) for row in rows),
        )

    @staticmethod
    def _by_megapixel(row: Mapping[str, Any], figure: str, fitted: Fit) -> float:
        without = _value(fitted, dict(row["work"]) | {NETWORK: 0.0})
        return float((row[figure]["median"] - without) / row["work"][NETWORK])


def spread(rows: Rows) -> tuple[float, ...]:
    """Seconds of calls in medians of their photo: smallest, median and largest of each that was sent several times."""
    several = [row["seconds"] for row in rows if row["rounds"] > 1 and row["seconds"]["median"] >= LEAST_SECONDS]
    return tuple(call[name] / call["median"] for call in several for name in ("min", "median", "max")) or (1.0,)


def _value(fitted: Fit, work: Quantities) -> float:
    return fitted.predict(work, beyond=True).value
