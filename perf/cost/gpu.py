"""What a GPU would change: estimated from the networks' operations and published peak rates. Nothing is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perf.cost.capacity import CostModel
from perf.cost.flops import BACKGROUNDS, TILE_SIDE
from perf.cost.model import Work
from perf.cost.work import FACES, NETWORK

SHARE = 0.3
"""Of its peak rate, what a GPU is assumed to reach. An assumption, not a measurement."""

_AFTER_A_FACE = ("encode", "measure")
"""Stages that a face costs processor time in, wherever its networks run."""


@dataclass(frozen=True)
class Gpu:
    """``tflops``: published peak of dense FP16 on tensor cores, in 10^12 operations a second; ``source`` says where."""

    name: str
    tflops: float
    source: str

    def seconds(self, flop: float) -> float:
        """For ``flop`` operations, at ``SHARE`` of the peak."""
        return flop / (self.tflops * 1e12 * SHARE)


GPUS = (
    Gpu("T4", 65, "https://www.nvidia.com/en-us/data-center/tesla-t4/"),
    Gpu("L4", 121, "https://www.nvidia.com/en-us/data-center/l4/"),
    Gpu("A10", 125, "https://www.nvidia.com/en-us/data-center/products/a10-gpu/"),
    Gpu("A100", 312, "https://www.nvidia.com/en-us/data-center/a100/"),
    Gpu("H100 SXM", 989, "https://www.nvidia.com/en-us/data-center/h100/"),
)
"""Where only a rate with sparsity is published, half of it."""


@dataclass(frozen=True)
class Operations:
    """Of one megapixel of tiles through the background's network, and of one face through its networks."""

    megapixel: float
    face: float

    @staticmethod
    def of(flops: Mapping[str, int], models: Iterable[str]) -> Operations:
        """Of the networks that a photo used.

        Args:
            flops: of a tile or of a face, by network; what is not in it counts as nothing.
            models: names of the networks, each with its precision behind it.
        """
        used = {model.partition(" ")[0] for model in models} & flops.keys()
        return Operations(
            megapixel=sum(flops[network] for network in used & BACKGROUNDS) / TILE_SIDE**2 * 1e6,
            face=sum(flops[network] for network in used - BACKGROUNDS),
        )

    def flop(self, work: Work) -> float:
        """Of one photo."""
        return work[NETWORK] * self.megapixel + work[FACES] * self.face


def core_seconds_left(model: CostModel, work: Work) -> float:
    """Processor time of a photo whose networks run elsewhere: all that does not grow with tiles, nor in them."""
    without = model.core_seconds.predict(dict(work) | {NETWORK: 0.0, FACES: 0.0}, beyond=True).value
    return without + work[FACES] * sum(model.stages[stage].prices[FACES] for stage in _AFTER_A_FACE) / 1000
