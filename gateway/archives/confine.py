"""What the process that reads a stranger's archive gives up before it reads it.

Linux: getrlimit(2), prctl(2). Everything it will import has to be imported before.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

from limner.undumpable import forbid_dumps

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def hide() -> None:
    """No core dump, no look into the memory by other processes of the user, no new rights; die with the parent.

    The kernel means the parent's thread: the process ends when the thread ends that started it. A parent that died
    before this call shows as the end of standard input.

    Raises:
        OSError: the kernel refuses.
    """
    forbid_dumps()
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_PDEATHSIG, signal.SIGKILL)):
        if libc.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def confine(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit memory, beyond what is in use now, and computing time; open and write no file, start no process.

    The limit on processes does not bind root. Descriptors that are open stay so.

    Raises:
        OSError, ValueError: the kernel refuses.
    """
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    in_use = pages * resource.getpagesize()
    _limit(resource.RLIMIT_AS, in_use + memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU first, which tells the parent
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))
