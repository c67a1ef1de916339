"""The networks, written for export; each loads its published state dict by the keys it was saved with.

A new network is one module here with the functions of :class:`Architecture` and one line in ``ARCHITECTURES``.
Importing this package does not import PyTorch; :func:`architecture` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    import onnx
    from torch import Tensor, nn

    from export.architectures.common import StateDict

    Example: TypeAlias = tuple[Tensor, ...]
    """One tensor for each declared input, in order."""


class ServedGraph(Protocol):
    """A module that takes and gives what Triton does."""

    def exact(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One tensor for each output, before rounding, sorting and picking: what parity is measured on."""


class Architecture(Protocol):
    """What a module in this package offers whose weights are published as a state dict."""

    def build(self, state: StateDict, origin: str) -> nn.Module:
        """The network with its weights; ``origin`` names their source in a CheckpointMismatch."""

    def served(self, network: nn.Module) -> nn.Module:
        """The graph around it, a :class:`ServedGraph`."""

    def seeded_state(self, seed: int, layout: Mapping[str, int]) -> StateDict:
        """Random weights in the official layout; ``layout`` is that of the registry's entry."""

    def examples(self, seed: int) -> tuple[Example, ...]:
        """Inputs, of several sizes where sizes are free; the first one traces the graph, with no free axis of 1."""


class PublishedGraph(Protocol):
    """What a module in this package offers whose network is published as an ONNX file."""

    def served_model(self, published: onnx.ModelProto, origin: str) -> onnx.ModelProto:
        """The published graph with the declared tensors around it."""

    def reference(self, published: onnx.ModelProto) -> ServedGraph:
        """Runs the published graph as it is, for parity."""

    def seeded_model(self, seed: int) -> onnx.ModelProto:
        """Random weights in the published graph."""

    def examples(self, seed: int) -> tuple[Example, ...]:
        """Inputs to check parity on."""


@dataclass(frozen=True)
class Registered:
    """``module`` offers the functions; it and ``parts`` are the sources whose change makes an export out of date.

    ``published_onnx``: it offers those of :class:`PublishedGraph` instead of :class:`Architecture`. ``winograd``: in
    INT8, Limner's own kernel runs it where the CPU allows.
    """

    module: str
    parts: tuple[str, ...] = ("common",)
    published_onnx: bool = False
    winograd: bool = False


ARCHITECTURES: dict[str, Registered] = {
    "bisenet": Registered("bisenet", ("common", "parser_graph")),
    "codeformer": Registered(
        "codeformer", ("common", "vqgan", "codeformer_coder", "codeformer_predictor", "face_graph")
    ),
    "gfpgan_clean": Registered("gfpgan", ("common", "modulated_conv", "face_graph")),
    "parsenet": Registered("parsenet", ("common", "doubling", "parser_graph")),
    "restoreformer": Registered("restoreformer", ("common", "vqgan", "face_graph")),
    "retinaface_mobilenet": Registered("retinaface", ("common", "retinaface_graph")),
    "retinaface_resnet50": Registered("retinaface_resnet50", ("common", "retinaface", "retinaface_graph")),
    "rrdbnet": Registered("rrdbnet", ("common", "image_graph"), winograd=True),
    "sface_onnx": Registered("sface", ("sface_seeded",), published_onnx=True),
    "srvggnet": Registered("srvggnet", ("common", "image_graph")),
    "swinir": Registered("swinir", ("common", "windows", "image_graph")),
}


def architecture(name: str) -> Architecture:
    """The module of a registered network whose weights are a state dict. Imports PyTorch."""
    return cast("Architecture", import_module(f"{__name__}.{ARCHITECTURES[name].module}"))


def published_graph(name: str) -> PublishedGraph:
    """The module of a registered network that is published as ONNX. Imports ONNX."""
    return cast("PublishedGraph", import_module(f"{__name__}.{ARCHITECTURES[name].module}"))
