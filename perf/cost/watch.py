"""Memory and processor time of the embedded Triton: the server and its Python stubs together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_PAUSE = 0.1
"""Seconds between two looks at the memory. Each takes some 15 ms of a core, so ten a second slow a server down by a
sixth: whoever measures seconds as well asks for longer pauses."""

MIB = 2**20


class ServerWatch:
    """Watches the server with process ID ``pid``, whose stubs must not change."""

    def __init__(self, pid: int) -> None:
        server = psutil.Process(pid)
        self._processes = [server, *server.children(recursive=True)]

    def memory(self) -> int:
        """Bytes held: the proportional set size, which counts a shared page once."""
        return sum(int(process.memory_full_info().pss) for process in self._processes)

    def core_seconds(self) -> float:
        """Processor time spent since the start, in seconds of one core."""
        times = [process.cpu_times() for process in self._processes]
        return sum(spent.user + spent.system for spent in times)

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


def machine_core_seconds() -> float:
    """Processor time that all of the machine has spent, in seconds of one core."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.nice + spent.system + spent.irq + spent.softirq)
