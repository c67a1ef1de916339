"""Locust's users: against the real gateway and Triton, and against a gateway that loses photos in every way."""

from __future__ import annotations

import asyncio
import collections
import importlib.util
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from perf.gateway import Gateway
from perf.http_load.mix import MIX
from perf.http_load.page import markdown
from perf.http_load.plot import save_plot
from perf.http_load.record import ANSWERED, REFUSED, Call, Ended, Fault, HandedIn, Recorder, Row, Sample, Stopped, read
from perf.http_load.run import load, published
from perf.http_load.summary import summarise
from tests.perf.lossy_gateway import Lossy
from tests.perf.test_gateway_load import serving

Figures = dict[str, Any]

ROUTES = {
    "submit": ("/v1/photos", "POST"),
    "status": ("/v1/photos/{task_id}", "GET"),
    "delete": ("/v1/photos/{task_id}", "DELETE"),
    "events": ("/v1/photos/{task_id}/events", "GET"),
    "image": ("/v1/photos/{task_id}/image", "GET"),
    "models": ("/v1/models", "GET"),
    "healthz": ("/healthz", "GET"),
    "page": ("/", "GET"),
}


@pytest.fixture(scope="module")
def tools() -> None:
    """Locust and matplotlib are there, or the test is skipped by name, and fails where none may be."""
    for package in ("locust", "matplotlib"):
        if importlib.util.find_spec(package) is None:
            missing = f"{package} missing: install requirements/test.txt"
            if os.environ.get("LIMNER_REQUIRE_ALL") == "1":
                pytest.fail(missing)
            pytest.skip(missing)


class Run(NamedTuple):
    """A run against the real gateway: its figures, and what the gateway counted."""

    figures: Figures
    answers: dict[tuple[str, str], int]
    tasks: dict[str, int]


@pytest.fixture(scope="module")
def real_run(tools: None, triton_url: str) -> Run:
    with Gateway(triton_url, None) as gateway:
        figures = load(gateway.url, users=10, ramp=2, seconds=10, photos=0.3, backgrounds=["lanczos"], patience=120)
        metrics = {
            family.name: family.samples
            for family in text_string_to_metric_families(httpx.get(f"{gateway.url}/metrics").text)
        }
    answers: collections.Counter[tuple[str, str]] = collections.Counter()
    for sample in metrics["http_request_duration_seconds"]:
        if sample.name.endswith("_count"):
            answers[sample.labels["route"], sample.labels["method"]] += int(sample.value)
    tasks: collections.Counter[str] = collections.Counter()
    for sample in metrics["tasks"]:
        if sample.name.endswith("_total"):
            tasks[sample.labels["status"]] += int(sample.value)
    return Run(figures, answers, tasks)


def test_every_photo_that_was_taken_comes_to_an_end(real_run: Run) -> None:
    figures, photos = real_run.figures, real_run.figures["photos"]
    assert figures["most_users"] == 10
    assert photos["handed_in"] > 0
    assert photos["lost"] == 0, photos["lost_because"]
    assert photos["failed"] == 0
    assert photos["handed_in"] == photos["fetched"] + photos["deleted"]
    assert figures["whole_run"]["failed"] == {}
    assert figures["series"][-1]["photos_inside"] == 0


def test_figures_are_what_the_gateway_counted(real_run: Run) -> None:
    by_call, photos = real_run.figures["whole_run"]["by_call"], real_run.figures["photos"]
    assert {ROUTES[name]: of["calls"] + of["refusals"] for name, of in by_call.items()} == {
        route: count for route, count in real_run.answers.items() if route[0] != "/metrics"
    }
    assert by_call["submit"]["calls"] == photos["handed_in"] == sum(real_run.tasks.values())
    assert by_call["image"]["calls"] == photos["fetched"]
    assert sum(kind["calls"] for kind in photos["from_hand_in_to_image"].values()) == photos["fetched"]
    assert set(photos["from_hand_in_to_image"]) <= {kind.name for kind in MIX if kind.background == "lanczos"}


def test_locust_stays_out_of_this_process(real_run: Run) -> None:
    assert "locust" not in sys.modules


def test_result_can_be_read_and_seen(real_run: Run, tmp_path: Path) -> None:
    settings = {"store": "memory", "users": 10, "ramp_seconds": 2.0, "share_of_photos": 0.3}
    result = json.loads(json.dumps(published(settings, real_run.figures, 0)))
    assert sum(result["mix_percent"].values()) == sum(result["between_photos_percent"].values()) == 100
    assert "**0 lost**" in markdown(result)
    save_plot(result, tmp_path / "load.svg")
    assert "photos in the gateway" in (tmp_path / "load.svg").read_text("utf-8")


@pytest.mark.parametrize(("milliseconds", "met"), [(0, True), (1000, False)])
def test_goal_is_judged_by_all_calls_and_by_each_kind(real_run: Run, milliseconds: float, met: bool) -> None:
    figures = json.loads(json.dumps(real_run.figures))
    connected = figures["all_connected"]
    for of in (connected["answers"], *connected["by_call"].values()):
        of["p95_ms"] = milliseconds
    connected["by_call"]["image"]["p95_ms"] = 201
    settings = {"store": "memory", "users": 10, "ramp_seconds": 2.0, "share_of_photos": 0.3}
    result: Figures = published(settings, figures, 0)
    assert result["goal"]["met"] == met
    assert "image" in result["goal"]["kinds_of_call_above"]
    assert ("status" in result["goal"]["kinds_of_call_above"]) != met
    assert f"is {'met' if met else 'missed'}: {milliseconds:g} ms" in markdown(result)
    assert "image` (201 ms)" in markdown(result)


@pytest.mark.usefixtures("tools")
async def test_losses_and_refusals_are_seen() -> None:
    lossy = Lossy()
    async with serving(lossy.app()) as url:
        figures: Figures = await asyncio.to_thread(load, url, users=10, ramp=1, seconds=8, photos=0.5, patience=3)
    whole, photos = figures["whole_run"], figures["photos"]
    ends = collections.Counter(lossy.ends.values())
    assert set(lossy.FAULTS) <= set(ends)
    assert photos["lost_because"] == {end: count for end, count in ends.items() if end.startswith("lost")}
    assert photos["lost"] == sum(photos["lost_because"].values())
    assert {end: photos[end] for end in ("fetched", "deleted", "failed")} == {
        end: ends[end] for end in ("fetched", "deleted", "failed")
    }
    assert whole["by_call"]["submit"]["refusals"] == whole["refusals"]["calls"] == lossy.refused > 0
    # A gateway that is full has not failed; one without models has.
    failed = collections.Counter(whole["failed"])
    assert failed.pop("models: 503", 0) == lossy.asked_for_models
    assert set(failed) == {"status: 404", "image: 410"}


@pytest.mark.usefixtures("tools")
async def test_gateway_that_talks_nonsense_stops_the_run() -> None:
    app = FastAPI()

    @app.post("/v1/photos", status_code=202)
    async def submit() -> str:
        return "nonsense"

    async with serving(app) as url:
        with pytest.raises(RuntimeError, match="TypeError"):
            await asyncio.to_thread(load, url, users=2, ramp=1, seconds=2, photos=1, patience=3)


def test_summary_counts_what_it_should() -> None:
    rows: list[Row] = [
        Sample(1, 3, 0.001, 0.5),
        Call(0.5, "status", 0.9, ANSWERED),  # while not all are there
        HandedIn(0.6, 1, "small"),
        HandedIn(0.7, 2, "small"),
        HandedIn(6, 3, "small"),
        Call(10, "status", 0.001, ANSWERED),
        Call(11, "status", 0.003, ANSWERED),
        Call(12, "submit", 0.1, REFUSED),
        Call(13, "status", 30, "404"),
        Ended(14.6, 1, "fetched"),
        Ended(15, 2, "deleted"),
        Sample(15, 5, 0.002, 1.5),
        Call(20, "status", 5, ANSWERED),  # when the users leave
        Stopped(25, 5),
    ]
    figures: Figures = summarise(rows, ramp=10, seconds=10)
    connected, photos = figures["all_connected"], figures["photos"]
    assert connected["answers"] == {"calls": 3, "p50_ms": 3.0, "p95_ms": 100.0, "p99_ms": 100.0, "max_ms": 100.0}
    assert connected["by_call"]["status"]["max_ms"] == 3.0
    assert connected["by_call"]["status"]["failures"] == connected["failures"] == 1
    assert connected["failed"] == {"status: 404": 1}
    assert connected["by_call"]["submit"] == {"calls": 0, "refusals": 1, "failures": 0}
    assert figures["whole_run"]["answers"]["calls"] == 5
    assert photos["lost_because"] == {"lost: no end when locust stopped": 1}
    assert (photos["handed_in"], photos["fetched"], photos["deleted"], photos["lost"]) == (3, 1, 1, 1)
    assert photos["from_hand_in_to_image"] == {
        "small": {"calls": 1, "p50_ms": 14000.0, "p95_ms": 14000.0, "p99_ms": 14000.0, "max_ms": 14000.0}
    }
    assert photos["fetched_per_minute_all_connected"] == 6.0
    assert figures["most_users"] == 5
    assert (figures["machine_cores"], figures["locust_cores"]) == (1.5, 0.2)
    assert [point["photos_inside"] for point in figures["series"]] == [2, 3, 2, 1, 1, 1]
    assert [point["answers_per_second"] for point in figures["series"]] == [0.2, 0, 0.6, 0, 0.2, 0]


def test_run_that_broke_off_has_no_summary() -> None:
    with pytest.raises(RuntimeError, match="broke off"):
        summarise([Sample(1, 3, 0.001, 0.5)], ramp=0, seconds=1)
    with pytest.raises(RuntimeError, match="KeyError"):
        summarise([Fault(1, "KeyError: 'task_id'"), Stopped(2, 1)], ramp=0, seconds=1)


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows: list[Row] = [
        Call(0.5, "status", 0.9, ANSWERED),
        HandedIn(0.6, 1, "small"),
        Ended(1.5, 1, "fetched"),
        Stopped(2, 1.5),
    ]
    recorder = Recorder(tmp_path / "record")
    for row in rows:
        recorder.write(row)
    recorder.close()
    with (tmp_path / "record").open(encoding="utf-8") as lines:
        assert read(lines) == rows


@pytest.mark.parametrize("kind", MIX, ids=lambda kind: kind.name)
def test_photos_have_the_size_that_is_said(kind: Any) -> None:
    photo = Image.open(io.BytesIO(kind.photo))
    assert (photo.format, photo.size) == ("JPEG", kind.size)
    assert not kind.is_result(kind.photo)
    enlarged = io.BytesIO()
    photo.resize((2 * photo.width, 2 * photo.height)).save(enlarged, "JPEG")
    assert kind.is_result(enlarged.getvalue())
    assert not kind.is_result(enlarged.getvalue()[:-100])
