"""One instance of a network in Triton: calls wait in line, and several of one kind may be taken as a batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import simpy

from perf.simulation.cores import Cores, Done
from perf.simulation.service import Work


@dataclass(frozen=True)
class _Waiting:
    work: Work
    kind: str
    done: Done
    since: float


class Station:
    """First come, first served; calls of the same kind that follow each other are a batch of at most ``batch``.

    A batch takes as long as its calls one after the other, and they are answered together, as the CPU backends do it:
    the kernel runs two tiles side by side on half of the threads each, the face networks go face by face.
    """

    def __init__(self, env: simpy.Environment, cores: Cores, batch: int) -> None:
        self._env, self._cores, self._batch = env, cores, batch
        self._line: deque[_Waiting] = deque()
        self._running: list[_Waiting] = []
        self._begun = 0.0
        self.queue_seconds = 0.0
        """Time that answered calls have waited, added up: Triton's ``nv_inference_queue_duration_us``."""

    def ask(self, work: Work, kind: str, done: Done) -> None:
        """A call; ``done`` is called when it is answered."""
        self._line.append(_Waiting(work, kind, done, self._env.now))
        if not self._running:
            self._begin()

    def stop(self) -> None:
        """Forget all calls."""
        self._line.clear()
        self._running = []

    def _begin(self) -> None:
        if not self._line:
            return
        batch = [self._line.popleft()]
        while self._line and len(batch) < self._batch and self._line[0].kind == batch[0].kind:
            batch.append(self._line.popleft())
        self._running, self._begun = batch, self._env.now
        self._cores.start(sum(call.work.seconds for call in batch), max(call.work.width for call in batch), self._end)

    def _end(self) -> None:
        answered, self._running = self._running, []
        for call in answered:
            self.queue_seconds += self._begun - call.since
        self._begin()
        for call in answered:
            call.done()
