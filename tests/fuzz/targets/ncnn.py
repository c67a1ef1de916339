"""ncnn's pair of files: ``<.param>NUL NUL<.bin>``."""

from __future__ import annotations

import struct

import numpy as np

from export.ncnn import MAGIC, TAG_FP16, TAG_FP32, read_convolutions
from limner.errors import CheckpointMismatch

PARAM = f"""{MAGIC}
3 3
Input data 0 1 data
Convolution conv1 1 1 data a 0=2 1=1 5=1 6=2
Convolution conv2 1 1 a b 0=1 1=3 11=1 5=1 6=6 9=2 -23310=1,2.0e-1
"""


def seeds() -> list[bytes]:
    half = struct.pack("<I2e2f", TAG_FP16, 0.5, 1, 2, 3)
    full = struct.pack("<I6ff", TAG_FP32, *range(6), 7)
    return [PARAM.encode() + b"\0\0" + half + full, PARAM.encode() + b"\0\0" + full, b"\0\0"]


def check(data: bytes) -> None:
    param, _, binary = data.partition(b"\0\0")
    try:
        convolutions = read_convolutions(param.decode("utf-8", "replace"), binary, "the package")
    except CheckpointMismatch:
        return
    values = sum(layer.weight.size + layer.bias.size for layer in convolutions)
    assert 2 * values <= len(binary)
    for layer in convolutions:
        assert np.isfinite(layer.weight).all()
        assert np.isfinite(layer.bias).all()
        assert layer.bias.shape == layer.weight.shape[:1]
