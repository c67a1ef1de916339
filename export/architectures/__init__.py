"""The networks, written for export; each loads its published state dict by the keys it was saved with.

A new network is one module here with the functions of :class:`Architecture` and one line in ``ARCHITECTURES``.
Importing this package does not import PyTorch; :func:`architecture` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import Tensor, nn

    from export.architectures.common import StateDict


class ServedGraph(Protocol):
    """A module that takes and gives what Triton does."""

    def exact(self, image: Tensor) -> tuple[Tensor, ...]:
        """One tensor for each output, before rounding and sorting: what parity is measured on."""


class Architecture(Protocol):
    """What a module in this package offers."""

    def build(self, state: StateDict, origin: str) -> nn.Module:
        """The network with its weights; ``origin`` names their source in a CheckpointMismatch."""

    def served(self, network: nn.Module) -> nn.Module:
        """The graph around it, a :class:`ServedGraph`."""

    def seeded_state(self, seed: int, layout: Mapping[str, int]) -> StateDict:
        """Random weights in the official layout; ``layout`` is that of the registry's entry."""

    def examples(self, seed: int) -> tuple[Tensor, ...]:
        """Inputs of several sizes; the first one traces the graph."""


@dataclass(frozen=True)
class Registered:
    """``module`` offers the functions; it and ``parts`` are the sources whose change makes an export out of date."""

    module: str
    parts: tuple[str, ...]


ARCHITECTURES: dict[str, Registered] = {
    "retinaface_mobilenet": Registered("retinaface", ("common", "retinaface_graph")),
    "rrdbnet": Registered("rrdbnet", ("common", "image_graph")),
}


def architecture(name: str) -> Architecture:
    """The module of a registered network. Imports PyTorch."""
    return cast("Architecture", import_module(f"{__name__}.{ARCHITECTURES[name].module}"))
