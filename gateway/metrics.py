"""What Prometheus is told. Labels take few values, whatever clients send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeGuard

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from gateway.report import Report, faces_of
from limner import __version__
from limner.errors import (
    Cancelled,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    LimnerError,
    QueueFull,
    QuotaExceeded,
    ServerUnreachable,
    ShuttingDown,
    StateUnavailable,
)

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 600.0, 900.0)

ANSWER_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)
"""0.2 is the objective."""

QUALITIES = ("sharpness_score", "face_quality_score", "enhancement_ratio", "identity_preservation")
QUALITY = (0.05, 0.1, 0.15, 0.2, 0.3, 0.363, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Scores end at 1, ratios at the largest enlargement; 0.363 is where a likeness begins to mean the same person."""

STEPS = frozenset({"decode", "detect", "restore", "upscale", "encode", "measure", "total"})
"""Whatever else a report times is ``other``."""

MOST = 1e9
"""Numbers of a report beyond this one are no measurements; nor are infinities and NaN."""

FACES = (0, 1, 2, 3, 5, 10, 20, 50, 100)

_REFUSALS = (
    LimnerError,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    QueueFull,
    QuotaExceeded,
    ServerUnreachable,
    ShuttingDown,
    StateUnavailable,
)
"""Faults of the service, and the quota. These begin at 0: Prometheus sees no increase in the first sample of a
series, and of faults the first counts."""

WAITS_FOR_INFERENCE = frozenset({"/v1/enhance"})


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, active: Callable[[], int], queued: Callable[[], int], held: Callable[[], int]) -> None:
        """Ask ``active`` and ``queued`` for numbers of enhancements, and ``held`` for bytes, whenever scraped."""
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "enhancement_requests_total",
            "Enhancements asked for, by HTTP status and type of the problem.",
            ["status", "reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "processing_time_seconds", "At work in Triton, successes only.", buckets=SECONDS, registry=registry
        )
        self._steps = Histogram(
            "step_seconds", "In each step of the pipeline.", ["step"], buckets=SECONDS, registry=registry
        )
        self._quality = Histogram(
            "quality_score", "Quality metrics of whole results.", ["metric"], buckets=QUALITY, registry=registry
        )
        self._tasks = Counter("tasks_total", "Tasks that ended.", ["kind", "status"], registry=registry)
        self._photos = Counter("batch_photos_total", "Photos of batches.", ["outcome"], registry=registry)
        self._refused = Counter(
            "uploads_refused_total", "Photos and batches that became no task.", ["reason"], registry=registry
        )
        self._faces = Counter("faces_total", "Faces found, by what became of them.", ["outcome"], registry=registry)
        self._faces_per_photo = Histogram(
            "faces_per_photo", "Faces found in a photo.", buckets=FACES, registry=registry
        )
        self._canaries = Counter("canaries_total", "Canary inferences.", ["outcome"], registry=registry)
        self._retries = Counter("triton_retries_total", "Calls given to another Triton.", ["reason"], registry=registry)
        self._uploads = Counter("uploads_total", "Files taken.", ["kind", "format"], registry=registry)
        self._uploaded = Counter("uploaded_bytes_total", "Bytes of files taken.", registry=registry)
        self._delivered = Counter("delivered_bytes_total", "Bytes of results handed out.", registry=registry)
        self._answers = Histogram(
            "http_request_duration_seconds",
            "From the end of a request to the start of its answer, calls that do not wait for inference.",
            ["route", "method", "status"],
            buckets=ANSWER_SECONDS,
            registry=registry,
        )
        for name, text, ask in (
            ("active_tasks", "Enhancements at work.", active),
            ("queued_tasks", "Enhancements that wait for their turn.", queued),
            ("held_result_bytes", "Bytes of results in this process.", held),
        ):
            self.gauge(name, text, ask)
        Info("limner_build", "Which Limner this is.", registry=registry).info({"version": __version__})
        ProcessCollector(registry=registry)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        for unable in (InferenceUnavailable, QueueFull):
            self._retries.labels(unable.type)
        self._requests.labels("200", "")
        for error in _REFUSALS:
            self._requests.labels(str(error.status), error.type)
            self._refused.labels(error.type)
        for counter, outcomes in (
            (self._photos, ("completed", "failed", "skipped")),
            (self._faces, ("restored", "blended", "left_out", "untouched")),
            (self._canaries, ("passed", "failed")),
        ):
            for outcome in outcomes:
                counter.labels(outcome)

    def gauge(self, name: str, text: str, ask: Callable[[], float]) -> None:
        """Add a number that ``ask`` is asked for whenever it is scraped; ``text`` is its help."""
        Gauge(name, text, registry=self.registry).set_function(ask)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one enhancement under the status of its outcome and the type of its problem, none on success."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            kind = _kind(error)
            self._requests.labels(str(kind.status), kind.type).inc()
            raise
        self._requests.labels("200", "").inc()

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Count an upload that fails in the block under the type of its problem."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            self._refused.labels(_kind(error).type).inc()
            raise

    def enhanced(self, seconds: float, report: Report) -> None:
        """Note a success: its ``seconds``, and the milliseconds, faces and quality metrics of its report.

        A report comes from the Triton side, of whatever version: what has another shape is passed over.
        """
        self._seconds.observe(seconds)
        for step, milliseconds in _part(report, "milliseconds").items():
            if _is_number(milliseconds) and milliseconds >= 0:
                self._steps.labels(step if step in STEPS else "other").observe(milliseconds / 1000)
        if (faces := faces_of(report)) is not None:
            self._faces_per_photo.observe(len(faces))
            for face in faces:
                self._faces.labels(_outcome(face)).inc()
        qualities = _part(report, "quality_metrics")
        for metric in QUALITIES:
            value = qualities.get(metric)
            if _is_number(value):
                # A likeness may be below zero; the sum of a histogram may only grow.
                self._quality.labels(metric).observe(max(0.0, value))

    def canary(self, passed: bool) -> None:
        """Note how a canary inference ended."""
        self._canaries.labels("passed" if passed else "failed").inc()

    def triton_retried(self, reason: str) -> None:
        """Note a call that is given to another Triton; ``reason`` is the type of the error of the last one."""
        self._retries.labels(reason).inc()

    def uploaded(self, kind: str, file_format: str, size: int) -> None:
        """Note a file of ``size`` bytes that was taken."""
        self._uploads.labels(kind, file_format).inc()
        self._uploaded.inc(size)

    def delivered(self, size: int) -> None:
        """Note the bytes of a result that was handed out."""
        self._delivered.inc(size)

    def task_ended(self, kind: str, status: str) -> None:
        """Note a task's last status: completed, failed or cleaned."""
        self._tasks.labels(kind, status).inc()

    def batch_photo(self, outcome: str) -> None:
        """Note a photo of a batch: completed or failed; what is no photo is skipped."""
        self._photos.labels(outcome).inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Note an answer. ``route`` is the template, ``method`` a known one."""
        if route not in WAITS_FOR_INFERENCE:
            self._answers.labels(route, method, f"{status // 100}xx").observe(seconds)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)


def _kind(error: BaseException) -> type[LimnerError]:
    if isinstance(error, LimnerError):
        return type(error)
    return Cancelled if isinstance(error, asyncio.CancelledError) else LimnerError


def _part(report: Report, name: str) -> Mapping[str, object]:
    part = report.get(name)
    return part if isinstance(part, dict) else {}


def _outcome(face: object) -> str:
    """What became of a face: ``restored``, ``blended`` with what it was, ``left_out`` because it had become somebody
    else, or ``untouched``: nobody was to restore it, or nobody could."""
    facts = face if isinstance(face, dict) else {}
    identity = facts.get("identity")
    action = identity.get("action") if isinstance(identity, dict) else None
    if facts.get("restored") is True:
        return "blended" if action == "blended" else "restored"
    return "left_out" if action == "left out" else "untouched"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST
