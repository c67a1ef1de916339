"""``tensor_check``: sends back the tensor it was given and the checksum of what it saw.

Under numpy 2 this Triton's Python stub hands over corrupted arrays without any error; the server is only trusted once
a known pattern has come through whole (``serving/canary.py``).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from model_repository.step_model import Array, StepModel, tensor


class TritonPythonModel(StepModel):
    def answer(self, request: Any) -> dict[str, Array]:
        pattern = tensor(request, "PATTERN")
        return {"PATTERN": pattern.copy(), "CRC32": np.array([zlib.crc32(pattern.tobytes())], np.uint32)}
