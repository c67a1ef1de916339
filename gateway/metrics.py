"""What Prometheus is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.capacity import Capacity
from gateway.report import Report
from limner.errors import Cancelled, LimnerError

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 600.0, 900.0)


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, capacity: Capacity) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "enhancement_requests_total", "Enhancements asked for, by HTTP status.", ["status"], registry=self.registry
        )
        self._seconds = Histogram(
            "processing_time_seconds",
            "From the end of an upload to its result, successful enhancements only.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._steps = Histogram(
            "step_seconds",
            "Time in each step of the pipeline, as its report says.",
            ["step"],
            buckets=SECONDS,
            registry=self.registry,
        )
        active = Gauge("active_tasks", "Enhancements at work or waiting.", registry=self.registry)
        active.set_function(lambda: capacity.active)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one request under the status that its outcome has."""
        status = 500
        try:
            yield
            status = 200
        except LimnerError as error:
            status = error.status
            raise
        except asyncio.CancelledError:
            status = Cancelled.status
            raise
        finally:
            self._requests.labels(str(status)).inc()

    def enhanced(self, seconds: float, report: Report) -> None:
        """Note a success: its ``seconds`` and the milliseconds of its report."""
        self._seconds.observe(seconds)
        for step, milliseconds in report.get("milliseconds", {}).items():
            if isinstance(milliseconds, int | float):
                self._steps.labels(str(step)).observe(milliseconds / 1000)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)
