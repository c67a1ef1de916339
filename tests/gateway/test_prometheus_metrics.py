"""What Prometheus is told."""

from __future__ import annotations

import asyncio
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Metrics
from limner import __version__
from limner.errors import EmptyImage, QueueFull
from limner.settings import PROJECT_ROOT, Settings
from tests.gateway.conftest import OpenGateway
from tests.gateway.redis_server import RedisServer

pytest_plugins = ["tests.gateway.redis_server"]
pytestmark = pytest.mark.timeout(60)


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
    assert value(metrics, "enhancement_requests_total", status="200", reason="") == 1
    assert value(metrics, "processing_time_seconds_sum") == 2
    assert value(metrics, "step_seconds_sum", step="decode") == 1.5
    assert value(metrics, "step_seconds_sum", step="odd") is None
    assert value(metrics, "quality_score_sum", metric="sharpness_score") == 0.42
    assert value(metrics, "quality_score_bucket", metric="enhancement_ratio", le="2.0") == 0
    assert value(metrics, "quality_score_bucket", metric="enhancement_ratio", le="3.0") == 1
    for absent in ("face_quality_score", "identity_preservation", "before"):
        assert value(metrics, "quality_score_count", metric=absent) is None


def test_faces_by_what_became_of_them(metrics: Metrics) -> None:
    faces = [
        {"restored": True},
        {"restored": True, "identity": {"action": "kept"}},
        {"restored": True, "identity": {"action": "blended"}},
        {"restored": False, "identity": {"action": "left out"}},
        {"restored": False},
        {"restored": False, "identity": None},
    ]
    metrics.enhanced(1.0, {"faces": faces})
    metrics.enhanced(1.0, {"faces": []})
    outcomes = {"restored": 2, "blended": 1, "left_out": 1, "untouched": 2}
    assert {outcome: value(metrics, "faces_total", outcome=outcome) for outcome in outcomes} == outcomes
    assert value(metrics, "faces_per_photo_count") == 2
    assert value(metrics, "faces_per_photo_bucket", le="0.0") == 1
    assert value(metrics, "faces_per_photo_sum") == 6


def test_failures_begin_at_zero_so_that_the_first_one_is_an_increase(metrics: Metrics) -> None:
    for status, reason in (
        ("500", "internal-error"),
        ("503", "temporary-reduced-capacity"),
        ("503", "state-unavailable"),
        ("504", "inference-timeout"),
        ("429", "quota-exceeded"),
    ):
        assert value(metrics, "enhancement_requests_total", status=status, reason=reason) == 0
        assert value(metrics, "uploads_refused_total", reason=reason) == 0
    assert value(metrics, "enhancement_requests_total", status="200", reason="") == 0
    for outcome in ("completed", "failed", "skipped"):
        assert value(metrics, "batch_photos_total", outcome=outcome) == 0
    for outcome in ("passed", "failed"):
        assert value(metrics, "canaries_total", outcome=outcome) == 0
    assert value(metrics, "triton_retries_total", reason="inference-unavailable") == 0


def test_canaries_and_retries(metrics: Metrics) -> None:
    for passed in (True, False, False):
        metrics.canary(passed)
    metrics.triton_retried("inference-unavailable")
    assert value(metrics, "canaries_total", outcome="passed") == 1
    assert value(metrics, "canaries_total", outcome="failed") == 2
    assert value(metrics, "triton_retries_total", reason="inference-unavailable") == 1


STRANGE: tuple[object, ...] = (
    *(None, 3, "text", True, [], [1], {}),
    *({"total": "soon"}, {"total": -1.0}, {"total": 10**400}, {"total": [1]}),
)


@pytest.mark.parametrize("value_", STRANGE, ids=lambda strange: str(strange)[:20])
@pytest.mark.parametrize("part", ["milliseconds", "quality_metrics", "faces"])
def test_strange_reports_are_no_fault_of_the_request(metrics: Metrics, part: str, value_: object) -> None:
    metrics.enhanced(1.0, {part: value_})
    assert value(metrics, "processing_time_seconds_count") == 1
    assert value(metrics, "step_seconds_sum", step="total") is None


def test_strange_faces_and_steps(metrics: Metrics) -> None:
    faces = [
        None,
        3,
        {"restored": "yes"},
        {"restored": True, "identity": "blended"},
        {"identity": {"action": ["left out"]}},
    ]
    metrics.enhanced(1.0, {"faces": faces, "milliseconds": {f"step {number}": 1000 for number in range(1000)}})
    assert value(metrics, "faces_total", outcome="untouched") == 4
    assert value(metrics, "faces_total", outcome="restored") == 1
    assert value(metrics, "step_seconds_sum", step="other") == 1000
    assert len(metrics.render()) < 20_000, "labels of their own for whatever a model says"


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
    assert value(metrics, "enhancement_requests_total", status=status, reason=reason) == 1
    assert value(metrics, "uploads_refused_total", reason=reason) == 1
    assert b"secret" not in metrics.render()


def test_tasks_and_bytes(metrics: Metrics) -> None:
    metrics.task_ended("batch", "completed")
    metrics.batch_photo("failed")
    metrics.uploaded("synchronous", "jpeg", 100)
    metrics.uploaded("batch", "zip", 10)
    metrics.delivered(7)
    assert value(metrics, "tasks_total", kind="batch", status="completed") == 1
    assert value(metrics, "batch_photos_total", outcome="failed") == 1
    assert value(metrics, "uploads_total", kind="batch", format="zip") == 1
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


async def test_gateway_tells_how_full_it_is(open_gateway: OpenGateway) -> None:
    settings = Settings(max_tasks=3, max_queue=4, max_batches=1, max_held_bytes=5_000_000)
    async with open_gateway(settings) as gateway:
        services = gateway.services

        def shown(name: str) -> float | None:
            return value(services.metrics, name)

        places = {"task_places": 3, "queue_places": 4, "batch_places": 1, "held_result_limit_bytes": 5e6}
        assert {name: shown(name) for name in places} == places
        assert (shown("memory_limit_bytes") or 0) > (shown("process_resident_memory_bytes") or 0)
        assert (shown("places_taken"), shown("active_batches"), shown("ready")) == (0, 0, 0)
        services.readiness.passed()
        with services.queue.admission(), services.batches.slot():
            assert (shown("places_taken"), shown("active_batches"), shown("ready")) == (1, 1, 1)
        services.queue.closed = True
        assert shown("ready") == 0


async def test_redis_away_is_told_from_want_of_places(open_gateway: OpenGateway, redis_server: RedisServer) -> None:
    async with open_gateway(Settings(redis_url=redis_server.url)) as gateway:
        redis_server.stop()
        answer = await gateway.client.post("/v1/enhance", files={"file": b"x"})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:limner:problem:state-unavailable")

        def counted(reason: str) -> float | None:
            return value(gateway.services.metrics, "enhancement_requests_total", status="503", reason=reason)

        assert (counted("state-unavailable"), counted("temporary-reduced-capacity")) == (1, 0)


async def test_canaries_are_counted(open_gateway: OpenGateway) -> None:
    async with open_gateway(Settings(canary_interval=0.05)) as gateway:
        while not value(gateway.services.metrics, "canaries_total", outcome="failed"):
            await asyncio.sleep(0.01)
        assert value(gateway.services.metrics, "canaries_total", outcome="passed") == 0


async def test_all_metrics_are_documented(open_gateway: OpenGateway) -> None:
    async with open_gateway(Settings()) as gateway:
        text = gateway.services.metrics.render().decode()
    told = {name for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE) if not name.endswith("_created")}
    listed = (PROJECT_ROOT / "docs" / "operation.md").read_text("utf-8")
    assert {name for name in told if f"`{name}`" not in listed and not name.startswith("process_")} == set()
