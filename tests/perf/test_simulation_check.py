"""Demands from what was measured, the comparison with it, a short real run, plots and the page."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from perf.cost.gpu import GPUS
from perf.gateway import Gateway, pid_of_triton
from perf.simulation import validate
from perf.simulation.__main__ import MEASURED, PLOTS, SIMULATED
from perf.simulation.demands import Measured
from perf.simulation.events_section import recommended
from perf.simulation.gateway import Places
from perf.simulation.measure import PHOTOS, SHORT, measure
from perf.simulation.plots import write_plots
from perf.simulation.scenarios import PORTRAIT
from perf.simulation.section import simulation_sections
from perf.simulation.service import MEASURED_CORES
from serving.supervisor import Supervisor

FOLDER = SIMULATED.parent
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def source() -> Measured:
    return Measured(json.loads((FOLDER / "cost.json").read_text("utf-8")))


def test_demand_has_the_measured_core_seconds_and_nearly_the_measured_seconds(source: Measured) -> None:
    for name, row in source.typical.items():
        costs, factor = source.typical_costs(name)
        assert costs.demand(MEASURED_CORES, factor).core_seconds == pytest.approx(row["core_seconds"]["median"])
    for row in validate.alone(source):
        assert row["simulated"] == pytest.approx(row["measured"], rel=0.2), row["name"]


def test_more_cores_help_less_and_less(source: Measured) -> None:
    costs, factor = source.typical_costs(PORTRAIT)
    widths = [costs.demand(cores, factor).tile.width for cores in (2, 4, 8)]
    assert 1.5 < widths[0] < 2
    assert widths[0] < widths[1] < 2 * widths[0]
    assert widths[1] < widths[2] < 2 * widths[1]
    x4, factor = source.typical_costs(PORTRAIT, x4=True)
    assert x4.demand(2, factor).tile.seconds > 2 * costs.demand(2, factor).tile.seconds


def test_gpu_demand_is_the_estimate_of_the_page(source: Measured) -> None:
    slow, fast = (source.gpu_demand(PORTRAIT, gpu, 8) for gpu in (GPUS[0], GPUS[-1]))
    for demand, gpu in ((slow, GPUS[0]), (fast, GPUS[-1])):
        on_gpu = demand.faces * (demand.restorer.seconds + demand.parser.seconds) + demand.tiles * demand.tile.seconds
        assert on_gpu * gpu.tflops == pytest.approx(1.57 / 0.3, rel=0.01)  # TFLOP of the page's table
    assert slow.before == fast.before


def test_spread_is_what_repeated_calls_differed_by(source: Measured) -> None:
    assert 0.5 < min(source.spread) < 1.0 < max(source.spread) < 2.0
    assert statistics.median(source.spread) == pytest.approx(1.0)


def test_misses_are_the_distance_from_what_was_measured() -> None:
    figures = {"median": 2.0, "longest": 4.0, "per_second": 1.0}
    twice = {name: 2 * value for name, value in figures.items()}
    row = {"measured": figures, "in turn": figures, "shared": twice, "photo by photo": twice | {"median": 1.0}}
    found = validate.misses([row, row])
    assert found["in turn"] == {"median": 0.0, "longest": 0.0, "per_second": 0.0}
    assert found["shared"] == {"median": 1.0, "longest": 1.0, "per_second": 1.0}
    assert found["photo by photo"]["median"] == 0.5


def test_networks_in_turn_explain_ten_photos_at_once(source: Measured) -> None:
    concurrency = json.loads((FOLDER / "concurrency.json").read_text("utf-8"))
    found = validate.misses(list(validate.at_once(concurrency, source)))
    assert max(found["in turn"].values()) < 0.25
    assert found["in turn"]["median"] < found["shared"]["median"]


@pytest.fixture(scope="module")
def measured(supervisor: Supervisor) -> Iterator[dict[str, Any]]:
    with Gateway(supervisor.endpoint.url, None) as gateway:
        yield measure(SHORT, gateway.url, 2, gateway.pid, pid_of_triton(supervisor))


@pytest.mark.timeout(120)
def test_real_server_under_photos_that_come_by_chance(measured: dict[str, Any]) -> None:
    assert [kind["name"] for kind in measured["kinds"]] == [photo.name for photo in PHOTOS]
    for kind in measured["kinds"]:
        assert len(kind["seconds"]) == SHORT.alone
        assert kind["core_seconds"] > 0
        assert {"decode", "detect", "upscale", "encode", "measure", "total"} <= kind["stages_ms"].keys()
    for load, plan in zip(measured["loads"], SHORT.loads, strict=True):
        assert load["name"] == plan.name
        moments = [moment for moment, *_ in load["photos"]]
        assert moments == sorted(moments)
        assert all(moment < plan.seconds for moment in moments)
        assert {status for *_, status, _ in load["photos"]} <= {200, 503}
        assert all(seconds > 0 for *_, seconds in load["photos"])
    json.dumps(measured)
    for row in validate.open_loops(measured, Places()):
        for figures in row["simulated"].values():
            same = figures["same arrivals"]
            assert same["photos"]["min"] == row["measured"]["photos"] == same["photos"]["max"]
            assert same["failed"]["max"] == 0


def test_measured_kinds_become_demands_that_take_as_long_alone(measured: dict[str, Any]) -> None:
    for kind, row in zip(validate.mix_of(measured["kinds"], 2), measured["kinds"], strict=True):
        assert kind.demand.kind == row["name"]
        assert kind.demand.tiles == row["tiles"]
        (alone,) = validate.alone_of([kind.demand], 2)
        assert alone == pytest.approx(statistics.median(row["seconds"]))


def test_page_shows_the_kept_result(tmp_path: Path) -> None:
    """That ``docs/capacity.md`` is in step with it, ``test_cost_page`` sees to."""
    assert simulation_sections(tmp_path / "simulation.json") == ""
    result = json.loads(SIMULATED.read_text("utf-8"))
    text = simulation_sections(SIMULATED)
    for section in text.split("\n## ")[1:]:
        assert "imulat" in section.partition("\n")[0]
        for table in (part for part in section.split("\n\n") if part.startswith("| ")):
            assert len({line.count("|") for line in table.strip().splitlines()}) == 1
    assert f"**Threshold: {recommended(result['bursts']):g}.**" in text
    assert "never" in text  # x4plus on two cores
    assert MEASURED.is_file() == bool(result["open_loops"])


def test_kept_plots_are_those_of_the_kept_result(tmp_path: Path) -> None:
    write_plots(json.loads(SIMULATED.read_text("utf-8")), tmp_path)
    made = {path.name: path for path in tmp_path.iterdir()}
    assert set(made) == {path.name for path in PLOTS.iterdir()} >= {"sizes.svg", "burst.svg", "thresholds.svg"}
    for name, path in made.items():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
        assert path.read_bytes() == (PLOTS / name).read_bytes(), "run python -m perf.simulation run"
        assert path.stat().st_size < MOST_BYTES
        assert f"capacity/{name}" in simulation_sections(SIMULATED)


def test_recommended_threshold_is_the_largest_that_is_nearly_best() -> None:
    def row(threshold: float | None, refused: float, places: int = 10, start: float = 60.0) -> dict[str, Any]:
        burst = {"refused": {"mean": refused}}
        return {"threshold": threshold, "max_tasks": places, "start": [start, start], "burst": burst}

    rows = [row(None, 0), row(0.5, 100), row(1.0, 110), row(2.0, 900), row(4.0, 1, places=60), row(3.0, 1, start=360)]
    assert recommended(rows) == 1.0
