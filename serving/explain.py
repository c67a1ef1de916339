"""What Triton's log says: how grave a line is, and why it did not start, in a sentence that says what to do."""

from __future__ import annotations

import logging
import re
from typing import Final

_BROKEN_MODEL: Final = re.compile(r"ServingError: (model '\w+': .+?)(?:: Exception from |\\n|\n|\"|$)")
_NO_SHARED_MEMORY: Final = re.compile(r"shared memory (?:key|region|pool size).+No space left on device")


def explained(log: str) -> str:
    """The sentence for a known cause, or the lines themselves.

    Args:
        log: the lines of Triton's log that tell of errors.
    """
    if _NO_SHARED_MEMORY.search(log):
        return (
            "Shared memory (/dev/shm), through which photos go between Triton's processes, is too small: 2 GiB are "
            "recommended. Docker: --shm-size=2g; Compose: shm_size; Helm: triton.sharedMemory."
        )
    if found := _BROKEN_MODEL.search(log):
        return (
            f"Triton cannot load {found[1].rstrip('.')}. If files are damaged, `limner export` with the same "
            "LIMNER_DATA makes them again."
        )
    return f"Triton ended while starting. It said:\n{log}"


def level_of(line: str) -> int:
    """Triton marks lines with their level's letter; without a GPU two errors of its metrics are to be expected."""
    if any(word in line for word in ("NVML", "DCGM", "CUDA driver version", "CudaDriverHelper", "pinned")):
        return logging.DEBUG
    if line.startswith(("E", "Traceback", "error:")):
        return logging.ERROR
    return logging.WARNING if line.startswith(("W", "WARNING")) else logging.DEBUG
