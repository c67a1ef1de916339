"""A clock of the day that can be set, for some programs only: with libfaketime, loaded into them.

Clocks that count on are left alone, as when the time of a machine is set.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

from tests.debian_programs import require_library

_READ_AGAIN_SECONDS = 1


class Clock:
    """Programs that were started with :attr:`environment` follow it."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "clock"
        shims = folder / "clock-shims"
        shims.mkdir()
        # libfaketime 0.9.10 refuses to sleep until a moment of a clock that it does not set, as Python does.
        (shims / "sitecustomize.py").write_text(
            "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n", "utf-8"
        )
        self.environment = {
            "LD_PRELOAD": require_library("libfaketime.so.1", "libfaketime"),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": str(_READ_AGAIN_SECONDS),
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(shims), os.environ.get("PYTHONPATH")])),
        }
        self._set(0)

    def jump(self, seconds: int) -> None:
        """Set it to so many seconds from the true time; returns once all programs see it."""
        self._set(seconds)
        time.sleep(2 * _READ_AGAIN_SECONDS)

    @staticmethod
    def forget() -> None:
        """Remove what libfaketime leaves in shared memory of programs that were killed."""
        for left in Path("/dev/shm").glob("*faketime_*"):
            number = left.name.rpartition("_")[2]
            if number.isdecimal() and not psutil.pid_exists(int(number)):
                left.unlink(missing_ok=True)

    def _set(self, seconds: int) -> None:
        new = self._offset.with_suffix(".new")
        new.write_text(f"{seconds:+}\n", "ascii")
        new.replace(self._offset)
