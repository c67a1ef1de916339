"""Run a command that dies with the process that started it, leaves no core dump and makes files for its owner only.

Used as ``python -m serving.launch PARENT_PID LIBRARY COMMAND ARG…``. The kernel remembers these wishes across ``exec``,
so the command itself needs to know nothing of them. What it does forget, the library asks for again: the file that
:mod:`serving.preload` writes, or nothing. Standard library only: this runs before every start of Triton.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from limner.undumpable import limit_dumps

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, library, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the wish was made
        sys.exit(1)
    limit_dumps()
    os.umask(0o077)  # what its shared memory is made with, before fchmod: others must not open it in between
    # Not in this program's own environment: it could no longer limit its dumps.
    preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), library]))
    os.execve(command[0], command, {**os.environ, "LD_PRELOAD": preloaded})  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
