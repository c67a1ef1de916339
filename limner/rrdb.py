"""Limner's own kernel for RRDBNet, ``librrdb.so``: loading it and its weights, and calling it.

``kernels/rrdb/rrdb.h`` is its interface. ``limner export`` writes the two files beside the other forms of a model.
"""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.errors import InferenceFailed, InputError

WEIGHTS_FILE = "model.rrdb"
LIBRARY_FILE = "librrdb.so"

ABI = 1
MAGIC = b"LIMRRDB1"

_NO_MEMORY, _SIZE_REFUSED = 1, 2
_AGAIN = "Export the model again: limner export MODEL."

UInt8 = NDArray[np.uint8]


class KernelUnusable(Exception):
    """The kernel or its weights cannot be used here; the message is a sentence or two that say what to do."""


class RrdbNetwork:
    """A network in the kernel. ``scale``: how many times as wide and high results are, 4 or 2."""

    def __init__(self, weights: Path) -> None:
        """Load ``weights``, a ``model.rrdb``, into the ``librrdb.so`` beside it.

        Raises:
            KernelUnusable: where a file is missing, damaged or of another version, or the CPU cannot run it.
        """
        library = _load(weights.with_name(LIBRARY_FILE))
        data = _map(weights)
        handle = library.rrdb_open(data.ctypes.data, data.size)
        if not handle:
            raise KernelUnusable(f"{weights.name} is damaged. {_AGAIN}")
        self._library, self._handle = library, handle
        self.scale = int(library.rrdb_scale(handle))
        weakref.finalize(self, _release, library, handle, data)

    def run(self, picture: UInt8, threads: int, out: UInt8 | None = None) -> UInt8:
        """UINT8 [H, W, 3] RGB → UINT8 [scale·H, scale·W, 3] RGB, into ``out`` where it is given.

        Several calls may run at once.

        Raises:
            InputError: where the picture has a size that the network cannot take.
            InferenceFailed: where memory is short.
        """
        height, width, _ = picture.shape
        shape = (self.scale * height, self.scale * width, 3)
        result = np.empty(shape, np.uint8) if out is None else out
        source = np.ascontiguousarray(picture)
        if source.dtype != np.uint8 or result.shape != shape or not result.flags.c_contiguous:
            raise ValueError(f"The kernel takes and gives contiguous UINT8, not {source.dtype} for {result.shape}.")
        code = self._library.rrdb_run(
            self._handle, source.ctypes.data, height, width, result.ctypes.data, max(1, threads)
        )
        if code == _SIZE_REFUSED:
            even = ", and both sides must be even" if self.scale == 2 else ""
            raise InputError(f"A picture of {width}×{height} pixels does not fit the network: it is too large{even}.")
        if code == _NO_MEMORY:
            raise InferenceFailed(f"Memory is short for a picture of {width}×{height} pixels.")
        if code:
            raise InferenceFailed(f"The kernel failed with code {code} on a picture of {width}×{height} pixels.")
        return result


def _load(path: Path) -> Any:
    try:
        library = ctypes.CDLL(str(path.resolve()))
        for name in ("rrdb_abi", "rrdb_supported", "rrdb_open", "rrdb_scale", "rrdb_run", "rrdb_close"):
            getattr(library, name)
    except (OSError, AttributeError) as error:
        reason = "is not there" if not path.is_file() else f"cannot be loaded ({type(error).__name__})"
        raise KernelUnusable(f"{path.name} {reason}. {_AGAIN}") from error
    if library.rrdb_abi() != ABI:
        raise KernelUnusable(
            f"{path.name} is of version {library.rrdb_abi()}, this version of Limner needs {ABI}. {_AGAIN}"
        )
    if not library.rrdb_supported():
        raise KernelUnusable(
            f"{path.name} needs AVX-512 with VNNI, which this CPU lacks. Serve the model with configs/cpu.pbtxt."
        )
    pointer = ctypes.c_void_p
    library.rrdb_open.argtypes, library.rrdb_open.restype = [pointer, ctypes.c_size_t], pointer
    library.rrdb_scale.argtypes = [pointer]
    library.rrdb_run.argtypes = [pointer, pointer, ctypes.c_int, ctypes.c_int, pointer, ctypes.c_int]
    library.rrdb_close.argtypes, library.rrdb_close.restype = [pointer], None
    return library


def _map(path: Path) -> UInt8:
    """The file's bytes, at the beginning of a page."""
    try:
        data = np.memmap(path, np.uint8, mode="r")
    except (OSError, ValueError) as error:  # ValueError: it is empty
        raise KernelUnusable(f"{path.name} cannot be read ({type(error).__name__}). {_AGAIN}") from error
    if data[: len(MAGIC)].tobytes() != MAGIC:
        raise KernelUnusable(f"{path.name} does not begin with {MAGIC.decode()}. {_AGAIN}")
    return data


def _release(library: Any, handle: int, data: UInt8) -> None:
    """Close a network; until then its weights must stay where they are."""
    library.rrdb_close(handle)
    del data
