"""Many small requests for a long time: does everything return to where it started?"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from perf.watch import MIB, Watch
from serving.supervisor import Supervisor
from tests.gateway.replica import Replica
from tests.soak.requests import Sender

_SETTLE_SECONDS = 60.0
_TASKS = ("active_tasks", "queued_tasks")


@dataclass(frozen=True)
class Sample:
    """One look. Memory is the proportional set size; handles are open files and sockets of all processes."""

    seconds: float
    sent: int
    gateway_mib: float
    triton_mib: float
    gateway_handles: int
    triton_handles: int
    segments: int
    tasks: float
    held_bytes: float
    """Of results that wait to be fetched, as are all but those of cancelled tasks."""


class Soak:
    """A gateway and a Triton under ``clients`` clients, each of which sends as soon as it was answered."""

    def __init__(self, gateway: Replica, triton: Supervisor, clients: int = 4, seed: int = 1) -> None:
        self._gateway, self._triton = gateway, triton
        self._senders = [Sender(gateway, seed + number) for number in range(clients)]
        self._sent = 0
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self.samples: list[Sample] = []

    @property
    def outcomes(self) -> Counter[str]:
        return sum((sender.outcomes for sender in self._senders), Counter())

    def run(self, requests: int, seconds: float, on_sample: Callable[[Sample], None] = lambda _: None) -> None:
        """Send ``requests``, but not for longer than ``seconds``; look now and then."""
        until, left = time.monotonic() + seconds, iter(range(requests))

        def work(sender: Sender) -> None:
            while time.monotonic() < until:
                with self._lock:
                    if next(left, None) is None:
                        return
                    self._sent += 1
                sender.send()

        threads = [threading.Thread(target=work, args=(sender,), daemon=True) for sender in self._senders]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.look()
            on_sample(self.samples[-1])
            threads[0].join(max(1.0, seconds / 200))
            for thread in threads[1:]:
                thread.join(0.01)

    def look(self) -> Sample:
        """One more sample."""
        assert self._triton.process is not None
        gateway, triton = psutil.Process(self._gateway.pid), psutil.Process(self._triton.process.pid)
        self.samples.append(
            Sample(
                seconds=round(time.monotonic() - self._started, 1),
                sent=self._sent,
                gateway_mib=round(Watch(gateway.pid).memory() / MIB, 1),
                triton_mib=round(Watch(triton.pid).memory() / MIB, 1),
                gateway_handles=_handles(gateway),
                triton_handles=_handles(triton),
                segments=len(list(Path("/dev/shm").glob(f"limner_{os.getpid()}_*"))),
                tasks=sum(map(self._gateway.gauge, _TASKS)),
                held_bytes=self._gateway.gauge("held_result_bytes"),
            )
        )
        return self.samples[-1]

    def settle(self) -> Sample:
        """One more sample, once nothing is at work."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while (sample := self.look()).tasks:
            assert time.monotonic() < deadline, sample
            time.sleep(0.5)
        return sample

    def close(self) -> None:
        for sender in self._senders:
            sender.close()


def _handles(program: psutil.Process) -> int:
    total = 0
    for process in (program, *program.children(recursive=True)):
        try:
            total += process.num_fds()
        except psutil.NoSuchProcess:
            continue  # one that unpacked an archive, and is done
    return total
