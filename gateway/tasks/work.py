"""One enhancement: its turn in the queue, Triton, and what is learned from it. Every way in ends here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.metrics import Metrics
from gateway.readiness import Readiness
from gateway.report import faces_of
from gateway.tasks.estimate import Estimator, Run
from gateway.tasks.queue import Queue, Ticket
from gateway.triton import Enhanced, TritonClient
from limner.errors import CapacityError, InferenceTimeout, InferenceUnavailable
from limner.header import Header, check_pixels, read_header
from limner.options import Options, Value, parse_options

TRIES = 3
"""How often a photo is sent to Triton while nothing is wrong with the photo itself. It may be what ends the server."""

PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Job:
    """A photo that passed the first checks. ``image`` is wiped by whoever made the job."""

    image: bytearray
    filename: str
    options: Options
    header: Header
    request_id: str

    @staticmethod
    def of(image: bytearray, filename: str, fields: Mapping[str, Value], request_id: str) -> Job:
        """Check options, format and size of a photo, before any decoder sees it.

        Raises:
            InputError: saying what is wrong with it.
        """
        options = parse_options(fields)
        header = read_header(memoryview(image))
        check_pixels(header.width, header.height)
        return Job(image, filename, options, header, request_id)

    @property
    def megapixels(self) -> float:
        return self.header.width * self.header.height / 1e6


OnTurn = Callable[[float | None], Awaitable[None]]
"""Told once the turn has come, with the seconds that the work is expected to take."""


async def _nobody(_: float | None) -> None:
    """Nobody is to be told."""


class Work:
    """The way of a job through queue and Triton."""

    def __init__(
        self, triton: TritonClient, queue: Queue, metrics: Metrics, readiness: Readiness, timeout: float
    ) -> None:
        self.queue = queue
        self.estimator = Estimator()
        self._triton = triton
        self._metrics = metrics
        self._readiness = readiness
        self._timeout = timeout

    def expected_seconds(self, job: Job) -> float | None:
        """Seconds that the work on ``job`` would take if it began now; None where nothing was learned yet."""
        return self.estimator.seconds(job.options, job.megapixels, min(self.queue.limit, max(1, self.queue.active)))

    async def enhance(self, job: Job, ticket: Ticket, on_turn: OnTurn = _nobody, *, patient: bool = False) -> Enhanced:
        """Wait for the turn of ``ticket`` and enhance. Cancelled, it leaves the queue or Triton at once.

        A ``patient`` one keeps its turn while the server restarts, or has no place, and is sent again: others would
        meet the same.

        Raises:
            LimnerError: see :meth:`gateway.triton.TritonClient.enhance`.
        """
        async with self.queue.turn(ticket):
            await on_turn(self.expected_seconds(job))
            for _ in range(TRIES - 1 if patient else 0):
                try:
                    return await self._once(job)
                except InferenceTimeout:
                    raise
                except CapacityError as error:
                    if isinstance(error, InferenceUnavailable):
                        self._readiness.failed(error)
                    if not await self._readiness.returns(PAUSE_SECONDS):
                        raise
            return await self._once(job)

    async def _once(self, job: Job) -> Enhanced:
        started, work_before = time.perf_counter(), self.queue.work_seconds()
        result = await self._triton.enhance(job.image, job.options, request_id=job.request_id, timeout=self._timeout)
        seconds = max(1e-6, time.perf_counter() - started)
        load = max(1.0, (self.queue.work_seconds() - work_before) / seconds)
        self._readiness.passed()
        self._metrics.enhanced(seconds, result.report)
        self.estimator.learn(job.options, Run(job.megapixels, len(faces_of(result.report) or ()), load, seconds))
        return result
