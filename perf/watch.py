"""Memory and processor time of running programs: each with all the processes that it has started."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_PAUSE = 0.5
"""Seconds between two looks at the memory. Each takes some 15 ms of a core for Triton with all its stubs: ten a second
slowed a server down by a sixth, so whoever measures seconds as well asks for longer pauses."""

MIB = 2**20


class Watch:
    """Watches the programs with the process IDs ``pids``."""

    def __init__(self, *pids: int) -> None:
        self._programs = [psutil.Process(pid) for pid in pids]

    def memory(self) -> int:
        """Bytes held: the proportional set size (PSS), which counts a shared page once."""
        held = 0
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # ended meanwhile
                held += int(process.memory_full_info().pss)
        return held

    def core_seconds(self) -> float:
        """Processor time that the living processes have spent since their start, in seconds of one core."""
        spent = 0.0
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    @contextmanager
    def peak(self, pause: float = _PAUSE) -> Iterator[list[int]]:
        """The list holds two numbers: the bytes held before the block, and the most that were seen held since."""
        before = self.memory()
        seen, done = [before, before], threading.Event()

        def look() -> None:
            while not done.wait(pause):
                seen[1] = max(seen[1], self.memory())

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield seen
        finally:
            done.set()
            looking.join()
            seen[1] = max(seen[1], self.memory())

    def _processes(self) -> list[psutil.Process]:
        return [process for program in self._programs for process in (program, *program.children(recursive=True))]


def machine_core_seconds() -> float:
    """Processor time that all of the machine has spent, in seconds of one core."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.nice + spent.system + spent.irq + spent.softirq)
