"""How tensors of a served model are declared: once, as data, for the export, the manifest and config tests."""

from __future__ import annotations

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

    def describe(self) -> dict[str, object]:
        """Its entry in a manifest."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
