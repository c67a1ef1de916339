"""Every query of dashboards and rules, asked of a real Prometheus that scrapes a real gateway and a real Triton."""

from __future__ import annotations

import io
import math
import time
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.access.keys import hash_of
from serving.supervisor import Supervisor
from tests.debian_programs import require_program
from tests.deploy.dashboards import NAMES, Query, queries
from tests.deploy.promql import Prometheus, metric_names, rules, running
from tests.deploy.runbooks import runbook_queries
from tests.gateway.replica import Replica

pytestmark = pytest.mark.timeout(240)

KEY = "limner_a-key-of-the-tests-alone"
SCRAPED_SECONDS = 8.0
SECONDS = 60.0

ABSENT = {
    "nv_gpu_utilization": "there is no GPU",
    "nv_gpu_memory_used_bytes": "there is no GPU",
    "nv_gpu_memory_total_bytes": "there is no GPU",
    "nv_gpu_power_usage": "there is no GPU",
    "nv_gpu_power_limit": "there is no GPU",
}
"""Metrics that queries ask for and that cannot be here, with the reason."""

OWN = {"ALERTS"}
"""Prometheus makes it once something is wrong."""

EMPTY = {
    "GPU": "there is no GPU",
    "Memory of the GPU": "there is no GPU",
    "Power": "there is no GPU",
    "Alerts now": "all is well",
    "annotation Alerts": "all is well",
    "Likeness": "faces are compared only where a restorer is served",
    "variable namespace": "series have a namespace only in Kubernetes",
}
"""Panels that may show nothing here, with the reason."""


def photo(portrait: NDArray[np.uint8]) -> bytes:
    """Large enough to be at work for longer than from one scrape to the next."""
    encoded, height, width = io.BytesIO(), *portrait.shape[:2]
    Image.fromarray(portrait).resize((4 * width, 4 * height)).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


@pytest.fixture(scope="module")
def prometheus(
    supervisor: Supervisor, portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that has watched a photo, a batch, two tasks and two refusals go through."""
    program, folder = require_program("prometheus", "prometheus"), tmp_path_factory.mktemp("prometheus")
    keys = f"tests:{hash_of(KEY)}:enhance+metrics:3/minute"
    replica = Replica(supervisor.endpoint.url, folder / "gateway.log", LIMNER_API_KEYS=keys, LIMNER_CANARY_INTERVAL="1")
    replica.client.headers["Authorization"] = f"Bearer {KEY}"
    try:
        replica.wait()
        targets = {
            "limner-gateway": f"127.0.0.1:{replica.port}",
            "limner-triton": f"127.0.0.1:{supervisor.endpoint.metrics}",
        }
        with running(program, folder, targets, KEY) as watching:
            until(lambda: len(watching.ask("up == 1")) == 3)
            time.sleep(2)  # counters are to be seen at zero before they count
            send(replica, photo(portrait))
            time.sleep(SCRAPED_SECONDS)
            yield watching
    finally:
        replica.stop()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def send(replica: Replica, picture: bytes) -> None:
    client = replica.client
    assert client.post("/v1/enhance", files={"file": picture}).status_code == 200
    time.sleep(3)  # what begins with the first photo is to be seen before the next one changes it
    assert client.post("/v1/enhance", files={"file": b"no photo"}).status_code == 415
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.jpg", picture)
        packed.writestr("damaged.jpg", picture[: len(picture) // 2])
        packed.writestr("notes.txt", "no photo")
    batch = client.post("/v1/batches", files={"file": archive.getvalue()}).json()["batch_id"]
    assert client.post("/v1/photos", files={"file": picture}).status_code == 429
    assert client.get("/v1/models").status_code == 200
    until(lambda: client.get(f"/v1/batches/{batch}").json()["status"] == "completed")
    assert client.get(f"/v1/batches/{batch}/archive").status_code == 200


def numbers(prometheus: Prometheus, expr: str) -> list[float]:
    """What a query gives, less what is drawn as a gap."""
    values = [float(sample["value"][1]) for sample in prometheus.ask(expr)]
    return [value for value in values if not math.isnan(value)]


def rule_queries() -> list[Query]:
    return [Query(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]


def all_queries() -> list[Query]:
    return [*rule_queries(), *runbook_queries(), *(query for name in NAMES for query in queries(name))]


def missing(prometheus: Prometheus, asked: list[Query]) -> dict[str, str]:
    """Metrics that are asked for, that Prometheus does not know and that nothing excuses; where."""
    known = prometheus.names() | set(ABSENT) | OWN
    return {name: query.place for query in asked for name in metric_names(query.expr) if name not in known}


def test_all_metrics_exist(prometheus: Prometheus) -> None:
    assert missing(prometheus, all_queries()) == {}


def test_excuses_are_needed(prometheus: Prometheus) -> None:
    asked = {name for query in all_queries() for name in metric_names(query.expr)}
    assert set(ABSENT) | OWN <= asked
    assert not prometheus.names() & set(ABSENT)
    titles = {query.place.partition(": ")[2].rpartition(" ")[0] for name in NAMES for query in queries(name)}
    assert {title for title in EMPTY if " " not in title} <= titles


def test_a_misspelt_name_is_found(prometheus: Prometheus) -> None:
    wrong = Query("somewhere", 'sum(rate(enhancment_requests_total{job="limner-gateway"}[5m])) / sum(up)')
    assert missing(prometheus, [*all_queries(), wrong]) == {"enhancment_requests_total": "somewhere"}


@pytest.mark.parametrize("query", rule_queries(), ids=lambda query: query.place)
def test_rule_can_be_evaluated(prometheus: Prometheus, query: Query) -> None:
    samples = prometheus.ask(query.expr)
    assert samples or ":" not in query.place, "a recording rule that records nothing"


def test_queries_of_runbooks_can_be_evaluated(prometheus: Prometheus) -> None:
    asked = list(runbook_queries())
    assert len(asked) > 40
    for query in asked:
        prometheus.ask(query.expr)


def test_prometheus_itself_evaluated_all_rules(prometheus: Prometheus) -> None:
    found = [rule for group in prometheus.get("/rules")["groups"] for rule in group["rules"]]
    assert len(found) == len(rule_queries())
    assert {rule["name"]: rule.get("lastError") for rule in found if rule["health"] != "ok"} == {}


@pytest.mark.parametrize("name", NAMES)
def test_panels_show_something(prometheus: Prometheus, name: str) -> None:
    nothing = []
    for query in queries(name):
        excused = any(query.place.removeprefix(f"{name}: ").startswith(title) for title in EMPTY)
        if not numbers(prometheus, query.expr) and not excused:
            nothing.append(query)
    assert nothing == []


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('sum(enhancement_requests_total{status="200"})', 2),
        ('sum(enhancement_requests_total{status=~"415|422"})', 2),
        ('uploads_refused_total{reason="quota-exceeded"}', 1),
        ('uploads_total{kind="batch", format="zip"}', 1),
        ('uploads_total{kind="synchronous", format="jpeg"}', 1),
        ('batch_photos_total{outcome="skipped"}', 1),
        ("sum(faces_total)", 2),
        ("faces_per_photo_count", 2),
        ("ready", 1),
        ("max_over_time(places_taken[1m]) > 0", 1),
        ("limner:errors:ratio5m", 0),
        ("limner:error_budget:left30d", 1),
    ],
)
def test_what_was_sent_is_what_is_counted(prometheus: Prometheus, expr: str, expected: float) -> None:
    assert numbers(prometheus, expr) == [expected]
