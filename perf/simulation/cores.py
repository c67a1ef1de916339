"""Processor cores, or one GPU, that jobs share while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

_NOTHING = 1e-9
"""Core-seconds that are rounding."""

Done = Callable[[], None]


class Job:
    """Work in progress: ``left`` core-seconds on at most ``width`` cores at a time, ``rate`` at the moment."""

    __slots__ = ("done", "left", "rate", "width")

    def __init__(self, work: float, width: float, done: Done) -> None:
        self.left, self.width, self.done = work, width, done
        self.rate = 0.0


class Cores:
    """``capacity`` cores. Each job gets an equal share, and no more than its width: what one leaves, others get."""

    def __init__(self, env: simpy.Environment, capacity: float) -> None:
        self._env, self._capacity = env, capacity
        self._jobs: list[Job] = []
        self._since = env.now
        self._version = 0
        self.used = 0.0
        """Core-seconds so far."""

    def start(self, work: float, width: float, done: Done) -> None:
        """Begin a job of ``work`` core-seconds; ``done`` is called when it is ready."""
        self._advance()
        self._jobs.append(Job(work, min(width, self._capacity), done))
        self._plan()

    def stop(self) -> None:
        """Forget all jobs: the machine is gone."""
        self._advance()
        self._jobs.clear()
        self._version += 1

    def _advance(self) -> None:
        passed = self._env.now - self._since
        self._since = self._env.now
        if passed > 0:
            for job in self._jobs:
                step = job.rate * passed
                job.left -= step
                self.used += step

    def _plan(self) -> None:
        """Share the cores out anew, and wake up when the first job will be ready."""
        self._version += 1
        if not self._jobs:
            return
        if sum(job.width for job in self._jobs) <= self._capacity:
            for job in self._jobs:
                job.rate = job.width
        else:
            room, others = self._capacity, len(self._jobs)
            for job in sorted(self._jobs, key=lambda job: job.width):
                job.rate = min(job.width, room / others)
                room, others = room - job.rate, others - 1
        first = min(job.left / job.rate for job in self._jobs)
        awake = self._env.timeout(max(0.0, first), self._version)
        awake.callbacks.append(self._wake)

    def _wake(self, event: Any) -> None:
        if event.value != self._version:
            return
        self._advance()
        # A nanosecond's work counts as done, or the clock could stand still at large times.
        ready = [job for job in self._jobs if job.left <= _NOTHING * max(1.0, job.rate)]
        self._jobs = [job for job in self._jobs if job not in ready] if ready else self._jobs
        self._plan()
        for job in ready:
            job.done()
