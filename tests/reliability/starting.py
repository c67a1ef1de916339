"""A command that is to end by itself, because something that it was given is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.settings import PROJECT_ROOT
from serving.process import free_port

PATIENCE_SECONDS = 60.0
"""More than a command needs to find out what is wrong, on a busy machine; one that goes on is ended then."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: ``code`` is None where it had to be ended."""

    code: int | None
    output: str
    pid: int

    @property
    def told(self) -> str:
        """The sentence for the operator: the one line that begins with the program's name."""
        (line,) = [line for line in self.output.splitlines() if line.startswith("limner: ")]
        return line

    @property
    def left_behind(self) -> list[str]:
        """Runtime folders and shared memory of the process."""
        folder = PROJECT_ROOT / ".limner" / "run"
        return [*map(str, folder.glob(f"{self.pid}-*")), *map(str, Path("/dev/shm").glob(f"limner_{self.pid}_*"))]


def run(arguments: Sequence[str], wrapper: Sequence[str] = (), **settings: str) -> Ended:
    """``limner`` with ``arguments`` and ``settings``, below the command ``wrapper`` where one is given."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")},
        "LIMNER_PORT": str(free_port()),
        "LIMNER_OFFLINE": "1",
        **settings,
    }
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-m", "cli.main", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return Ended(process.returncode, output, process.pid)
    except subprocess.TimeoutExpired:
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return Ended(None, output, process.pid)
