"""Keep a photo out of core dumps, and out of memory that has been given back.

Every process that sees pixels calls :func:`forbid_dumps` once, at its start, and :func:`scrub_freed_memory` where
what it frees may hold a photo. Linux only; elsewhere, and without glibc, what is not there is passed over. Standard
library only: this runs in Triton's Python models as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path
from typing import Final

from limner.malloc import PERTURB, set_option

PERTURBATION: Final = 0xA5
"""Freed memory is filled with this byte, memory just given out with its complement."""

SCRUBBING: Final = f"glibc.malloc.perturb={PERTURBATION}:glibc.malloc.tcache_count=0"
"""``GLIBC_TUNABLES`` for a program that is yet to be started: what :func:`scrub_freed_memory` does, and for the blocks
up to 1 KiB as well, which glibc would otherwise keep as they are for the thread that freed them."""

_PR_SET_DUMPABLE = 4
_CORE_FILTER = Path("/proc/self/coredump_filter")


def limit_dumps() -> None:
    """Allow no core dump of this process, nor of any program that it is replaced with or starts.

    Two guards, both inherited over ``fork`` and ``exec``. Of a dump nothing but registers would be left
    (``coredump_filter``, core(5)). And the size limit is 1 byte: too little for a file, and the one value that also
    stops a dump that goes through a pipe, which the limit 0 does not (``do_coredump`` in Linux's ``fs/coredump.c``).
    """
    with contextlib.suppress(OSError):  # a kernel without dumps, or a process that cannot be dumped any more
        _CORE_FILTER.write_text("0", "ascii")
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def forbid_dumps() -> None:
    """Allow no core dump of this process, and no other process of the same user to read its memory.

    ``exec`` undoes the second, so every program does it for itself. Call it again wherever you like.
    """
    limit_dumps()  # first: a process that cannot be dumped may no longer write its own filter
    if sys.platform == "linux":  # elsewhere there is no such call
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0)))


def scrub_freed_memory() -> None:
    """Have this process overwrite memory when it is freed.

    It holds for what ``malloc`` gave out: bytes, arrays, the buffers of decoders. Blocks up to 1 KiB are left out,
    where glibc keeps them for the thread that freed them; only :data:`SCRUBBING` reaches those.
    """
    set_option(PERTURB, PERTURBATION)
