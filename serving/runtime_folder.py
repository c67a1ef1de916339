"""The folder that a server runs from: made, locked for as long as it is used, and removed, after a kill as well."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from limner.cancellation import lower_flags_of

_LOCK = "lock"
_STUBS = "stubs"


@dataclass(frozen=True)
class RuntimeFolder:
    """``root`` holds ``backends`` and ``models``; it belongs to one server process and goes with it.

    ``native_backends`` is the folder of an installed server's own backends, where those serve the profile. ``lock``
    is let go when the folder is removed, or by the kernel when this process ends: no child inherits it.
    """

    root: Path
    native_backends: Path | None = None
    lock: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False, compare=False)

    @property
    def backends(self) -> Path:
        return self.native_backends or self.root / "backends"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def shared_memory_prefix(self) -> str:
        """Start of the names of this server's segments in ``/dev/shm``; backends add their own endings."""
        return f"limner_{self.root.name.replace('-', '_')}_"

    def note_stubs(self, pids: Iterable[int]) -> None:
        """Remember whose flags of cancelled photos are to be taken away, should nobody live to do it."""
        with contextlib.suppress(OSError):  # a full disk: the flags are empty files
            (self.root / _STUBS).write_text(" ".join(map(str, pids)))

    def remove_shared_memory(self) -> None:
        """Remove the server's segments, which a killed one leaves behind."""
        for segment in Path("/dev/shm").glob(f"{self.shared_memory_prefix}*"):  # noqa: S108
            segment.unlink(missing_ok=True)

    def lower_flags(self) -> None:
        """Take away the flags of cancelled photos that noted stubs left raised. They must be dead."""
        with contextlib.suppress(OSError, ValueError):  # none was noted, or only half of it came to the disk
            for pid in (self.root / _STUBS).read_text().split():
                lower_flags_of(int(pid))

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.lock.close()


def make_folder(run_dir: Path, native_backends: Path | None) -> RuntimeFolder:
    """Make an empty folder below ``run_dir`` that belongs to this process.

    Raises:
        OSError: it cannot be written or locked.
    """
    root = run_dir / f"{os.getpid()}-{os.urandom(4).hex()}"
    unnamed = run_dir / f".{root.name}"  # it gets its name when it is locked: another start may look for stale ones
    unnamed.mkdir(parents=True)
    try:
        with contextlib.ExitStack() as lock:
            descriptor = os.open(unnamed / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            lock.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(root)
            return RuntimeFolder(root, native_backends, lock.pop_all())
    except OSError:
        shutil.rmtree(unnamed, ignore_errors=True)
        raise


def remove_stale(run_dir: Path) -> None:
    """Remove what processes left behind that were killed before they could."""
    for root in run_dir.glob("[0-9]*-*"):
        with contextlib.ExitStack() as lock:
            if _is_stale(root, lock):
                stale = RuntimeFolder(root)
                stale.remove_shared_memory()
                stale.lower_flags()
                stale.remove()


def _is_stale(root: Path, lock: contextlib.ExitStack) -> bool:
    """Whether nobody holds the folder's lock; it is held here then. A container's processes have the same id each time.

    A folder without a lock is an older Limner's, or is just being removed: there the id must do.
    """
    try:
        descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        lock.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        pid = root.name.partition("-")[0]
        return pid.isdigit() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid)))
    except OSError:  # held, or another user's
        return False
    return True
