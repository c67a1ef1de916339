"""What one run of one side tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Attributes:
    seconds: from the encoded photo to the encoded result.
    stages: seconds of the parts that the side knows of, by name.
    faces: how many were restored.
    memory_mib: peak of all processes of the side; resident, in the single process of upstream and of ONNX Runtime.
    size: width and height of the result.
    """

    seconds: float
    stages: Mapping[str, float]
    faces: int
    memory_mib: float
    size: Sequence[int]
