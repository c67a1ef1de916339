"""How tensors of a served model are declared: once, as data, for the export, the manifest and config tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

DataType = Literal["UINT8", "FP32"]

ONNX_TYPES: dict[DataType, int] = {"UINT8": 2, "FP32": 1}
"""``onnx.TensorProto`` numbers of Triton's type names."""


@dataclass(frozen=True)
class TensorSpec:
    """A named input or output.

    ``shape`` holds a number for a fixed axis and a word for a dynamic one. The same word is the same size; ``4H``
    is four times ``H``.
    """

    name: str
    dtype: DataType
    shape: tuple[int | str, ...]

    def fits(self, shape: Sequence[int], sizes: dict[str, int]) -> bool:
        """Whether an array of ``shape`` is one of these; words not yet in ``sizes`` are added to it."""
        if len(shape) != len(self.shape):
            return False
        for size, declared in zip(shape, self.shape, strict=True):
            if isinstance(declared, int):
                expected = declared
            else:
                word = declared.lstrip("0123456789")
                factor = int(declared.removesuffix(word) or 1)
                expected = factor * sizes.setdefault(word, size // factor)
            if size != expected:
                return False
        return True

    @property
    def dynamic_axes(self) -> tuple[int, ...]:
        """Axes whose size is free."""
        return tuple(axis for axis, size in enumerate(self.shape) if isinstance(size, str))

    def describe(self) -> dict[str, object]:
        """Its entry in a manifest."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
