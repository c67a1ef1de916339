"""What a photo asks of a server: core-seconds of its steps and calls, and how many cores each of them can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MEASURED_CORES = 2
"""All that anything was measured on; what more cores do is Amdahl's law with the serial share seen on two."""


@dataclass(frozen=True)
class Work:
    """``seconds`` of one core (or of the GPU), on at most ``width`` cores at a time, on average."""

    seconds: float
    width: float = 1.0

    def times(self, factor: float) -> Work:
        return Work(self.seconds * factor, self.width)


NOTHING = Work(0.0)


@dataclass(frozen=True)
class Demand:
    """One photo.

    Attributes:
        kind: photos of one kind have tiles of one shape, which may run as a batch.
        before, after: on the CPU, before the networks (decoding, finding faces, measuring) and after them.
        faces: how many are restored; each goes through ``restorer`` and then ``parser``.
        tiles: how many the background's network gets, ``tile`` each.
    """

    kind: str
    before: Work
    after: Work
    faces: int = 0
    restorer: Work = NOTHING
    parser: Work = NOTHING
    tiles: int = 0
    tile: Work = NOTHING

    @property
    def core_seconds(self) -> float:
        """Of everything, the networks included."""
        faces = self.faces * (self.restorer.seconds + self.parser.seconds)
        return self.before.seconds + self.after.seconds + faces + self.tiles * self.tile.seconds

    def times(self, factor: float) -> Demand:
        """The same photo on a server that is slower by ``factor``."""
        names = ("before", "after", "restorer", "parser", "tile")
        return replace(self, **{name: getattr(self, name).times(factor) for name in names})


@dataclass(frozen=True)
class Kind:
    """A share of a mix: its photos' demand, and by which factors it varied where it was measured."""

    share: float
    demand: Demand
    spread: Sequence[float] = (1.0,)


Mix = Sequence[Kind]


def mean_core_seconds(mix: Mix) -> float:
    """Of a photo of ``mix``, without its spread."""
    return sum(kind.share * kind.demand.core_seconds for kind in mix) / sum(kind.share for kind in mix)


def serial_share(core_seconds: float, seconds: float, cores: int = MEASURED_CORES) -> float:
    """By Amdahl's law: the part of the work that one core does alone, 0 to 1.

    Args:
        core_seconds: all of it.
        seconds: that it took on ``cores`` cores.
    """
    return min(1.0, max(0.0, (cores * seconds / core_seconds - 1) / (cores - 1)))


def width(serial: float, cores: int) -> float:
    """How many of ``cores`` cores work of which the share ``serial`` is for one core keeps busy, on average."""
    return 1 / (serial + (1 - serial) / cores)
