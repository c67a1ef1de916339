"""Reads convolutions out of ncnn's pair of files: ``.param`` (the graph, text) and ``.bin`` (the weights).

The text begins with a magic number and the numbers of layers and blobs; each further line is a layer: type, name,
number of inputs and of outputs, their names, then ``key=value`` pairs. Of a ``Convolution``, key 0 is the number of
outputs, 1 and 11 the kernel's width and height, 5 whether there are biases, 6 the number of weights. In the binary
each convolution has, in the same order, a four-byte tag that tells the weights' type, the weights as
[out][in][height][width], and biases as FP32.

Only what the packaged networks need is understood. Anything else is refused, and so is a file with a byte left over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from limner.errors import CheckpointMismatch

MAGIC = "7767517"
TAG_FP32 = 0
TAG_FP16 = 0x01306B47
WEIGHTLESS = frozenset({"BinaryOp", "Concat", "Eltwise", "Input", "Interp", "Split"})
_MAX_CHANNELS = 1 << 16
_MAX_KERNEL = 64


@dataclass(frozen=True)
class Convolution:
    """Weights FP32 [out, in, height, width] and biases FP32 [out] of the layer ``name``."""

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class _Shape:
    name: str
    outputs: int
    inputs: int
    height: int
    width: int

    @property
    def count(self) -> int:
        return self.outputs * self.inputs * self.height * self.width


def read_convolutions(param: str, binary: bytes, origin: str) -> list[Convolution]:
    """All convolutions, in the file's order.

    Raises:
        CheckpointMismatch: naming ``origin``, where the two files are damaged, do not belong together, or hold layers
            that are not understood.
    """
    reader = _BinaryReader(binary, origin)
    convolutions = []
    for shape in _parse_param(param, origin):
        weight = reader.weights(shape.count).reshape(shape.outputs, shape.inputs, shape.height, shape.width)
        convolutions.append(Convolution(shape.name, weight, reader.fp32(shape.outputs)))
    reader.finish()
    return convolutions


def _refuse(origin: str, what: str) -> NoReturn:
    raise CheckpointMismatch(f"{origin} cannot be read: {what}. Install the package again.")


def _parse_param(text: str, origin: str) -> list[_Shape]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != MAGIC:
        _refuse(origin, "it does not begin with ncnn's magic number")
    layers = [line.split() for line in lines[2:] if line.strip()]
    counts = lines[1].split() if len(lines) > 1 else []
    if len(counts) != 2 or counts[0] != str(len(layers)):
        _refuse(origin, f"it announces {counts[0] if counts else 'no'} layers and holds {len(layers)}")
    shapes = []
    blobs = 0
    for fields in layers:
        parameters, outputs = _layer(fields, origin)
        blobs += outputs
        if fields[0] == "Convolution":
            shapes.append(_convolution(fields[1], parameters, origin))
        elif fields[0] not in WEIGHTLESS:
            _refuse(origin, f"it has a layer of type {fields[0][:40]!r}")
    if counts[1] != str(blobs):
        _refuse(origin, f"it announces {counts[1]} blobs and holds {blobs}")
    return shapes


def _layer(fields: list[str], origin: str) -> tuple[dict[int, str], int]:
    """The ``key=value`` pairs of a layer's line, and its number of outputs."""
    try:
        inputs, outputs = int(fields[2]), int(fields[3])
        if inputs < 0 or outputs < 0 or len(fields) < 4 + inputs + outputs:
            raise ValueError
        pairs = (field.split("=", 1) for field in fields[4 + inputs + outputs :])
        return {int(key): value for key, value in pairs}, outputs
    except (IndexError, ValueError):
        _refuse(origin, f"the layer line {' '.join(fields)[:60]!r} is malformed")


def _convolution(name: str, parameters: dict[int, str], origin: str) -> _Shape:
    try:
        outputs, width, count = int(parameters[0]), int(parameters[1]), int(parameters[6])
        height = int(parameters.get(11, width))
        biased = parameters.get(5, "0") == "1"
    except (KeyError, ValueError):
        _refuse(origin, f"convolution {name[:40]!r} lacks its sizes")
    sizes_sane = 0 < outputs <= _MAX_CHANNELS and 0 < width <= _MAX_KERNEL and 0 < height <= _MAX_KERNEL
    if not sizes_sane or count <= 0 or count % (outputs * width * height):
        _refuse(origin, f"convolution {name[:40]!r} has {count} weights, which do not fit its kernel")
    inputs = count // (outputs * width * height)
    if inputs > _MAX_CHANNELS or not biased:
        _refuse(origin, f"convolution {name[:40]!r} has no biases or too many channels")
    return _Shape(name, outputs, inputs, height, width)


class _BinaryReader:
    """Takes typed arrays off a byte string, in order."""

    def __init__(self, data: bytes, origin: str) -> None:
        self._data = data
        self._origin = origin
        self._offset = 0

    def weights(self, count: int) -> NDArray[np.float32]:
        """A four-byte tag and ``count`` values, FP16 (padded to four bytes) or FP32."""
        tag = int(self._take(1, np.dtype("<u4"))[0])
        if tag == TAG_FP16:
            values = self._take(count, np.dtype("<f2"))
            self._offset += -count * 2 % 4
        elif tag == TAG_FP32:
            values = self._take(count, np.dtype("<f4"))
        else:
            _refuse(self._origin, f"its weights are stored in a way ({tag:#010x}) that is not understood")
        return self._finite(values)

    def fp32(self, count: int) -> NDArray[np.float32]:
        """``count`` values without a tag."""
        return self._finite(self._take(count, np.dtype("<f4")))

    def finish(self) -> None:
        """Refuse bytes that no layer asked for."""
        if self._offset != len(self._data):
            _refuse(self._origin, f"its layers use {self._offset} bytes of {len(self._data)}")

    def _take(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        end = self._offset + count * dtype.itemsize
        if end > len(self._data):
            _refuse(self._origin, f"it ends after {len(self._data)} bytes, where at least {end} are needed")
        values = np.frombuffer(self._data, dtype, count, self._offset)
        self._offset = end
        return values

    def _finite(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if not np.isfinite(values).all():
            _refuse(self._origin, "it holds weights that are not finite numbers")
        return values.astype(np.float32)
