"""What Triton would not do of itself: not be dumped, and share its memory with no other user of the machine.

It reads no Python; but the dynamic loader lets the libraries that ``LD_PRELOAD`` names run first and be asked first.
Ours, a few bytes of machine code, does two things in Triton and in every program that it starts:

- ``exec`` makes a process dumpable again, and the kernel keeps no wish to the contrary. So the initialiser, which runs
  before ``main``, calls ``prctl(PR_SET_DUMPABLE, 0)``.
- Boost.Interprocess gives each segment of shared memory the mode 0644 by ``fchmod``, whatever the umask. Ours stands in
  front of glibc's and leaves the owner's bits only. Until that call the segment has a mode after the umask, which
  :mod:`serving.launch` sets.

x86-64 only, as the embedded server is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from limner.errors import SettingsError
from serving.shared_object import Function, shared_object

_FORBID_DUMPS: Final = bytes.fromhex(
    "b89d000000"  # mov eax, 157     prctl
    "bf04000000"  # mov edi, 4       PR_SET_DUMPABLE
    "31f6"  # xor esi, esi           0: no dumps, no tracing by the same user
    "31d2"  # xor edx, edx
    "4531d2"  # xor r10d, r10d
    "4531c0"  # xor r8d, r8d
    "0f05"  # syscall
    "c3"  # ret
)
_OWNER_ONLY: Final = Function(
    "fchmod",
    bytes.fromhex(
        "89f2"  # mov edx, esi           the mode,
        "81e2c0010000"  # and edx, 0o700 the owner's bits of it
        "89fe"  # mov esi, edi           the file
        "bf5b000000"  # mov edi, 91      SYS_fchmod
        "31c0"  # xor eax, eax           no floating-point argument follows
    ),
    then="syscall",  # glibc's: it sets errno
)


def check_folder(folder: Path) -> None:
    """See that Triton can run in a folder.

    Raises:
        SettingsError: its path holds what parts one library from the next (ld.so(8)); stubs do not start there, either.
    """
    if set(" :") & set(str(folder)):
        raise SettingsError(
            f"Triton cannot run in '{folder}': there is a space or a colon in the path. "
            "Set LIMNER_DATA to a folder without."
        )


def write_library(path: Path) -> None:
    """Write the library to a file that ``LD_PRELOAD`` can name.

    Raises:
        SettingsError: see :func:`check_folder`.
    """
    check_folder(path.parent)
    path.write_bytes(shared_object(_FORBID_DUMPS, _OWNER_ONLY))
