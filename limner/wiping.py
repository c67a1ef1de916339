"""Overwrite the tensors of Triton's Python models once nobody needs them any more.

A tensor lies in a shared-memory segment (``/dev/shm``) that Triton and one Python model share, and Triton leaves
there what it has freed. The model holds a block as long as it holds the tensor, and DLPack tells where it is: so the
bytes can be overwritten before it lets go. Each model has a segment and copies of its own; no other sees it.

Texts (``TYPE_STRING``) stay as they are: DLPack knows none. Tensors on a GPU too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import numpy as np


def wipe(tensors: Iterable[Any]) -> None:
    """Overwrite the inputs of a request that has been answered.

    Both the shared memory and the array that ``as_numpy`` gave out, which is a copy (``py::array`` without a base in
    Triton's ``pb_tensor.cc``).
    """
    for tensor in filter(_is_wipeable, tensors):
        array = tensor.as_numpy()
        if array.flags.writeable:
            array.fill(0)
        _overwrite_block(tensor)


def wipe_shared(tensors: Iterable[Any]) -> None:
    """Overwrite the blocks of tensors that have been sent and received; their arrays stay as they are."""
    for tensor in filter(_is_wipeable, tensors):
        _overwrite_block(tensor)


def _is_wipeable(tensor: Any) -> bool:
    return bool(tensor.is_cpu()) and tensor.as_numpy().dtype != np.object_


def _overwrite_block(tensor: Any) -> None:
    block = np.from_dlpack(tensor)
    ctypes.memset(block.ctypes.data, 0, block.nbytes)  # NumPy gives out DLPack memory for reading only
