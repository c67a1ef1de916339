"""The corpus through header and decoder, in a process with limits of memory and time."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from limner.settings import PROJECT_ROOT
from tests.fuzz.corpus.case import Case

MEMORY_BYTES = 2 << 30
"""What one photo may take: the limit that the project states for a task."""

SECONDS = 60.0
"""Longest wait for one photo; above it counts as a hang."""


@dataclass(frozen=True)
class Answer:
    """What became of one image: ``decoded``, an error's type, ``fault: …``, ``crash …`` or ``hang``."""

    outcome: str
    seconds: float
    bytes: int


@dataclass
class Figures:
    """What became of the images. Seconds are of computing, bytes beyond those of the idle process."""

    tried: int = 0
    bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")

    @property
    def clean(self) -> bool:
        return not (self.crashes or self.hangs or self.faults)

    def add(self, case: Case, answer: Answer) -> None:
        """Count one image."""
        self.tried += 1
        self.bytes += len(case.data)
        kind, _, what = answer.outcome.partition(" ")
        if kind == "hang":
            self.hangs.append(case.name)
        elif kind == "crash":
            self.crashes.append(f"{case.name}: {what}")
        elif kind == "fault:":
            self.faults.append(f"{case.name}: {what}")
        self.outcomes[kind.rstrip(":")] += 1
        self.slowest = max(self.slowest, (round(answer.seconds, 2), case.name))
        self.largest = max(self.largest, (answer.bytes, case.name))

    def to_json(self) -> dict[str, object]:
        return {**vars(self), "outcomes": dict(self.outcomes)}


class Worker:
    """:mod:`tests.fuzz.image_worker`, started anew after each death."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, seconds: float = SECONDS) -> None:
        self._command = [sys.executable, "-m", "tests.fuzz.image_worker", str(memory_bytes)]
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes) -> Answer:
        """The worker's answer; its outcome is ``crash`` with the exit status where it died, or ``hang``."""
        process = self._process
        if process is None:
            process = self._process = subprocess.Popen(
                self._command,
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        alarm = threading.Timer(self._seconds, process.kill)
        alarm.start()
        try:
            process.stdin.write(struct.pack(">I", len(data)) + data)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        rang = not alarm.is_alive()
        alarm.cancel()
        if line:
            return Answer(**json.loads(line))
        status = process.wait()
        self.close()
        return Answer("hang" if rang else f"crash {status}", 0.0, 0)

    def close(self) -> None:
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process.kill()
            self._process.wait()
        self._process = None


def run_images(cases: Iterable[Case], memory_bytes: int = MEMORY_BYTES, seconds: float = SECONDS) -> Figures:
    """Each case, one after the other."""
    figures, worker = Figures(), Worker(memory_bytes, seconds)
    try:
        for case in cases:
            figures.add(case, worker.decode(case.data))
    finally:
        worker.close()
    return figures
