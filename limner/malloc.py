"""Options of glibc's ``malloc``. Standard library only: this runs in Triton's Python models as well."""

from __future__ import annotations

import ctypes
from typing import Final

PERTURB: Final = -6
MMAP_THRESHOLD: Final = -3


def set_option(option: int, value: int) -> None:
    """``mallopt(3)``. Without glibc nothing happens: musl has no such call, others ignore what they do not know."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(option, value)
