"""The bench in short: all sides do the same work. Ratios of work are checked, never seconds."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import httpx
import pytest
import tritonclient.grpc as triton

from export.checkpoint import save_checkpoint
from export.manifest import MANIFEST_FILE, Manifest
from export.order import Order
from export.registry import weight_file
from export.sources import Source
from perf.bench import weights
from perf.bench.__main__ import main, measure, measure_case
from perf.bench.cases import CASES, HTTP, INT8, PLAIN, SHORT, UPSTREAM, X4, Case
from perf.bench.limner import Limner
from perf.bench.report import markdown, plot, row
from perf.bench.timing import Timing
from perf.bench.upstream import Upstream
from perf.bench.weights import checkpoints_in
from perf.concurrency.networks import computed
from perf.gateway import pid_of_triton
from perf.grids import grid_of
from perf.machine import describe_machine
from perf.watch import Watch
from serving.supervisor import Supervisor

pytestmark = pytest.mark.timeout(300)


def test_short_form_runs_all_its_sides(models_dir: Path, tmp_path: Path) -> None:
    (told,) = measure(SHORT, tmp_path, models_dir, models_dir)
    assert list(told["sides"]) == [PLAIN, INT8, HTTP]
    for side in told["sides"].values():
        assert side["size"] == [SHORT[0].width * 2, SHORT[0].height * 2]
        assert side["seconds"]["median"] > 0
    assert markdown([told]).count(SHORT[0].name) == 1 + 3
    plot([told], tmp_path / "bench.svg")
    assert (tmp_path / "bench.svg").read_text("utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("width", "height", "tiles", "most"),
    [(96, 120, 1, 1.0), (248, 320, 1, 1.0), (330, 100, 2, 1.2), (292, 292, 4, 1.35)],
)
def test_a_photo_costs_no_more_network_than_its_tiles(
    supervisor: Supervisor, models_dir: Path, width: int, height: int, tiles: int, most: float
) -> None:
    """Calls of the network, and pixels that it computes for each of the photo's."""
    assert models_dir.is_dir()
    grid = grid_of(height, width)
    assert grid.count(height, width) == tiles
    assert grid.computed(height, width) <= most * width * height
    if width * height > 40_000:
        return  # that the step cuts so is seen on small ones
    limner = Limner(supervisor.endpoint.url, "", Watch(pid_of_triton(supervisor)))
    with triton.InferenceServerClient(supervisor.endpoint.url) as client:
        before = computed(client, X4).calls
        limner.by_grpc(Case("a photo", width, height, 0, X4, 1, (INT8,)))
        assert computed(client, X4).calls - before == tiles  # canaries do not call it


def test_upstream_runs_its_own_pipeline(models_dir: Path, tmp_path: Path) -> None:
    """A photo without a face: what is behind the faces is upstream's, at its size; nothing is restored."""
    files = {"retinaface": checkpoint(models_dir / "retinaface", tmp_path)}
    for model, file in (("gfpgan", "GFPGANv1.4.pth"), ("parsenet", "parsing_parsenet.pth")):
        files[model] = tmp_path / file
        weight = weight_file(file)
        save_checkpoint(
            Source("seeded", "random", "", file).load(), files[model], weight.keys[0] if weight.keys else None
        )
    case = Case("no face", 48, 32, 0, None, 1, (UPSTREAM,))
    timing = Upstream(files, tmp_path)(case)
    assert list(timing.size) == [96, 64]
    assert timing.faces == 0
    assert timing.stages["detect"] > 0
    assert timing.memory_mib > 100


def checkpoint(model: Path, folder: Path) -> Path:
    manifest = Manifest.load(model)
    assert manifest is not None
    path = folder / "detector.pth"
    save_checkpoint(Source.from_manifest(manifest.source).load(), path, None)
    return path


def test_what_has_not_been_exported_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="retinaface has not been exported"):
        checkpoints_in(tmp_path / "checkpoints", tmp_path)


def test_ratios_are_of_medians_and_against_upstream_alone() -> None:
    def runs(*seconds: float) -> list[dict[str, object]]:
        return [dataclasses.asdict(Timing(each, {"detect": each / 10}, 1, 100 + each, (2, 2))) for each in seconds]

    told = row(CASES[0], {UPSTREAM: runs(40, 30, 35), INT8: runs(5, 7, 6)}, describe_machine())
    assert told["times_faster"] == {INT8: round(35 / 6, 2)}
    assert told["sides"][INT8]["seconds"] == {"median": 6, "min": 5, "max": 7}
    assert told["sides"][INT8]["memory_mib"] == 107
    assert told["sides"][UPSTREAM]["stages"] == {"detect": 3.5}
    assert row(CASES[0], {INT8: runs(1)}, describe_machine())["times_faster"] == {}


def test_sides_take_turns_and_the_first_run_of_upstream_counts() -> None:
    order: list[str] = []

    def side(name: str) -> object:
        def run(case: Case) -> Timing:
            order.append(name)
            return Timing(1.0, {}, 0, 1, (1, 1))

        return run

    case = dataclasses.replace(CASES[0], sides=(UPSTREAM, INT8), rounds=2)
    measure_case(case, {UPSTREAM: side(UPSTREAM), INT8: side(INT8)})  # type: ignore[dict-item]
    assert order == [INT8, UPSTREAM, INT8, UPSTREAM, INT8]


def test_a_gateway_that_refuses_ends_the_bench(supervisor: Supervisor) -> None:
    limner = Limner("", "http://127.0.0.1:1", Watch(pid_of_triton(supervisor)))
    with pytest.raises(httpx.ConnectError):
        limner.by_http(SHORT[0])


def test_published_figures_are_those_of_the_cases() -> None:
    """Each with all its sides, and the page shows what the JSON says."""
    from perf.bench.report import RESULTS

    rows = json.loads(RESULTS.read_text("utf-8"))
    sides = {case.name: case.sides for case in CASES}
    assert rows
    for case in rows:
        assert tuple(case["sides"]) == sides[case["name"]]
    assert RESULTS.with_suffix(".md").read_text("utf-8") == markdown(rows)


def test_a_case_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "no such photo"])
    assert "no case begins with no such photo; there are: 248x320" in capsys.readouterr().err


def test_exports_that_are_out_of_date_are_made_anew(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the figures would be those of a network that is not served any more."""
    ordered: list[str] = []

    def carry_out(order: Order, *_: object) -> list[Manifest]:
        ordered.extend(item.spec.name for item in order.items)
        return []

    monkeypatch.setattr(weights, "MODELS", ("retinaface",))
    monkeypatch.setattr(weights, "carry_out", carry_out)
    weights.fp32_models(tmp_path)
    assert ordered == ["retinaface"]

    exported = tmp_path / "fp32" / "retinaface"
    shutil.copytree(models_dir / "retinaface", exported)
    weights.fp32_models(tmp_path)
    assert ordered == ["retinaface"]

    manifest = Manifest.load(exported)
    assert manifest is not None
    (exported / MANIFEST_FILE).write_text(dataclasses.replace(manifest, fingerprint="of older code").to_json(), "utf-8")
    weights.fp32_models(tmp_path)
    assert ordered == ["retinaface", "retinaface"]
