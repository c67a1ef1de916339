"""The shapes that TensorRT engines are built for: those of ``configs/gpu.pbtxt``, of plans, and of the tests."""

from __future__ import annotations

from dataclasses import dataclass

from export.models import ModelSpec
from export.tensors import TensorSpec

TILE_SIDES = (16, 256, 320)
"""Smallest, commonest and largest side of a tile, in pixels."""

_FACES = (1, 4, 8)
_TILES = (1, 2, 4)


@dataclass(frozen=True)
class InputProfile:
    """Smallest, commonest and largest shape of one input."""

    name: str
    smallest: tuple[int, ...]
    commonest: tuple[int, ...]
    largest: tuple[int, ...]


def profile(spec: ModelSpec) -> tuple[InputProfile, ...] | None:
    """The shapes of every input; None for a model that TensorRT does not run.

    That is the detector: its pictures have any size and shape up to 4 megapixels, and one engine for all of them
    would need the memory of 8192×8192 and be tuned for none. ONNX Runtime's CUDA provider runs it.
    """
    if spec.role == "detector":
        return None
    batches = _TILES if spec.role == "background" else _FACES
    return tuple(
        InputProfile(given.name, *(_shape(given, batch, side) for batch, side in zip(batches, TILE_SIDES, strict=True)))
        for given in spec.inputs
    )


def _shape(given: TensorSpec, batch: int, side: int) -> tuple[int, ...]:
    sizes = {"N": batch, "H": side, "W": side}
    return tuple(sizes[size] if isinstance(size, str) else size for size in given.shape)
