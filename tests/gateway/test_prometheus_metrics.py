"""What Prometheus is told."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Metrics
from limner import __version__
from limner.errors import EmptyImage, QueueFull


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 3, lambda: 4, lambda: 5_000)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Of a sample, after a way through Prometheus' own text format."""
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def test_gauges_are_asked_when_scraped(metrics: Metrics) -> None:
    assert value(metrics, "active_tasks") == 3
    assert value(metrics, "queued_tasks") == 4
    assert value(metrics, "held_result_bytes") == 5_000
    assert value(metrics, "limner_build_info", version=__version__) == 1
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 1e6
    assert (value(metrics, "process_open_fds") or 0) > 2


def test_success(metrics: Metrics) -> None:
    qualities = {"sharpness_score": 0.42, "face_quality_score": None, "enhancement_ratio": 2.8, "before": {"x": 1}}
    report = {"milliseconds": {"decode": 1500, "odd": None}, "quality_metrics": qualities}
    with metrics.counted():
        metrics.enhanced(2.0, report)
    assert value(metrics, "enhancement_requests_total", status="200") == 1
    assert value(metrics, "processing_time_seconds_sum") == 2
    assert value(metrics, "step_seconds_sum", step="decode") == 1.5
    assert value(metrics, "step_seconds_sum", step="odd") is None
    assert value(metrics, "quality_score_sum", metric="sharpness_score") == 0.42
    assert value(metrics, "quality_score_bucket", metric="enhancement_ratio", le="2.0") == 0
    assert value(metrics, "quality_score_bucket", metric="enhancement_ratio", le="3.0") == 1
    for absent in ("face_quality_score", "identity_preservation", "before"):
        assert value(metrics, "quality_score_count", metric=absent) is None


@pytest.mark.parametrize("report", [{}, {"quality_metrics": None}])
def test_report_without_qualities(metrics: Metrics, report: dict[str, object]) -> None:
    metrics.enhanced(1.0, report)
    assert value(metrics, "processing_time_seconds_count") == 1


def test_sum_of_qualities_never_falls(metrics: Metrics) -> None:
    for likeness in (0.8, -0.3, float("nan"), True):
        metrics.enhanced(1.0, {"quality_metrics": {"identity_preservation": likeness}})
    assert value(metrics, "quality_score_sum", metric="identity_preservation") == 0.8
    assert value(metrics, "quality_score_count", metric="identity_preservation") == 2
    assert value(metrics, "quality_score_bucket", metric="identity_preservation", le="0.363") == 1


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (QueueFull("full"), "503", "temporary-reduced-capacity"),
        (EmptyImage("empty"), "400", "empty-image"),
        (KeyError("secret"), "500", "internal-error"),
        (asyncio.CancelledError(), "499", "cancelled"),
    ],
)
def test_failures(metrics: Metrics, error: BaseException, status: str, reason: str) -> None:
    with pytest.raises(type(error)), metrics.counted(), metrics.refusals():
        raise error
    with metrics.refusals():
        pass
    assert value(metrics, "enhancement_requests_total", status=status) == 1
    assert value(metrics, "uploads_refused_total", reason=reason) == 1
    assert b"secret" not in metrics.render()


def test_tasks_and_bytes(metrics: Metrics) -> None:
    metrics.task_ended("batch", "completed")
    metrics.batch_photo("failed")
    metrics.uploaded(100)
    metrics.uploaded(10)
    metrics.delivered(7)
    assert value(metrics, "tasks_total", kind="batch", status="completed") == 1
    assert value(metrics, "batch_photos_total", outcome="failed") == 1
    assert value(metrics, "uploaded_bytes_total") == 110
    assert value(metrics, "delivered_bytes_total") == 7


def test_answers_are_held_against_the_objective(metrics: Metrics) -> None:
    labels = {"route": "/v1/photos/{task_id}", "method": "GET", "status": "2xx"}
    for seconds in (0.004, 0.15, 0.3):
        metrics.answered("/v1/photos/{task_id}", "GET", 200, seconds)
    metrics.answered("/v1/enhance", "POST", 200, 30.0)
    assert value(metrics, "http_request_duration_seconds_bucket", le="0.2", **labels) == 2
    assert value(metrics, "http_request_duration_seconds_count", **labels) == 3
    assert b"/v1/enhance" not in metrics.render()
