"""``docs/models.md`` says what was measured, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from export.architectures import ARCHITECTURES
from export.models import MODELS
from export.order import every_network
from perf import models_page
from perf.latency import spread
from perf.models import REFUSED, RESULTS, taking_turns

MACHINE = {
    "cpu": "A CPU",
    "cores": 2,
    "instructions": ["avx2"],
    "memory_gib": 8.0,
    "python": "3.11.7",
    "commit": "abc",
    "threads": 2,
}
SECONDS = {"median": 2.0, "min": 1.5, "max": 12.25}
ROW = {
    "model": "gfpgan",
    "network": "GFPGANv1.4",
    "role": "face_restorer",
    "weights": "random",
    "precision": "int8",
    "reason": None,
    "megabytes": 88.25,
    "relative_error": 2.34e-6,
    "quality": {"psnr_mean": 38.217, "ssim": 0.9812},
    "limits": {},
    "rounds": 3,
    "machine": MACHINE,
    "input": {"FACE": [1, 512, 512, 3]},
    "seconds": {"upstream": SECONDS, "fp32": SECONDS, "int8": {"median": 3.0, "min": 3.0, "max": 3.0}},
    "times_faster": {"fp32": 1.0, "int8": 0.67},
}


def cells(page: str, network: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith("| `") and f"| {network} |" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_page_is_in_step() -> None:
    assert models_page.PAGE.read_text("utf-8") == models_page.models_page(), "run python -m perf.models_page"


def test_every_model_has_a_row_of_all_columns() -> None:
    lines = [line for line in models_page.models_page().splitlines() if line.startswith("| ")]
    columns = lines[0].count("|")
    for spec in MODELS:
        rows = [line for line in lines if line.startswith(f"| `{spec.name}` |")]
        assert len(rows) == len({weight.architecture for weight in spec.files})
        assert all(row.count("|") == columns for row in rows)


def test_figures_and_losses_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models.json").write_text(json.dumps({"networks": [ROW]}))
    monkeypatch.setattr(models_page, "RESULTS", tmp_path / "models.json")
    page = models_page.models_page()
    assert cells(page, "GFPGANv1.4")[3:11] == [
        "INT8",
        "88.2",
        "2.3e-06",
        "psnr mean 38.22, ssim 0.9812",
        "2 (1.5–12.2)",
        "2 (1.5–12.2)",
        "3 (3–3)",
        "0.67",
    ]
    assert cells(page, "RestoreFormer")[3] == "not measured"
    assert "| GFPGANv1.4 | random | 1×512×512×3 | 3 |  |" in page
    assert "Machine: A CPU (avx2), 2 cores, 2 threads a side, 8.0 GiB, Python 3.11.7, commit abc." in page


def test_refused_int8_is_a_note_and_not_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"upstream": SECONDS, "fp32": SECONDS, REFUSED: {"median": 0.5, "min": 0.4, "max": 0.6}}
    refused = {"precision": "fp32", "reason": "No.", "seconds": seconds, "times_faster": {"fp32": 1.0, REFUSED: 4.0}}
    (tmp_path / "models.json").write_text(json.dumps({"networks": [ROW | refused]}))
    monkeypatch.setattr(models_page, "RESULTS", tmp_path / "models.json")
    page = models_page.models_page()
    assert cells(page, "GFPGANv1.4")[10] == "1.00"
    assert "| No. It would take 0.5 (0.4–0.6) s, 4.00 times faster; trained weights may pass. |" in page


def test_nothing_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_page, "RESULTS", tmp_path / "gone.json")
    page = models_page.models_page()
    assert page.count("not measured") == len({(spec.name, w.architecture) for spec in MODELS for w in spec.files})
    assert "What was measured" not in page


def test_results_are_those_of_known_networks() -> None:
    known = {item.weight.variant for item in every_network() if item.weight}
    content = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {"networks": []}
    for row in content["networks"]:
        assert row["network"] in known
        for name in row["times_faster"]:
            ratio = row["seconds"]["upstream"]["median"] / row["seconds"][name]["median"]
            assert row["times_faster"][name] == pytest.approx(ratio, abs=0.006)


def test_sides_take_turns_after_a_warm_up() -> None:
    called: list[str] = []

    def side(name: str) -> Callable[[], float]:
        def run() -> float:
            called.append(name)
            return float(len(called))

        return run

    seconds = dict(taking_turns({"upstream": side("upstream"), "fp32": side("fp32")}, rounds=2))
    assert called == ["upstream", "fp32"] * 3
    assert seconds == {"upstream": [3.0, 5.0], "fp32": [4.0, 6.0]}
    assert spread([1.23456, 0.00123456, 2000.4]) == {"median": 1.23, "min": 0.00123, "max": 2000.0}


def test_upstream_has_a_module_for_every_network() -> None:
    from perf.upstream import _ORACLE, _ORACLE_NAMES

    for name, registered in ARCHITECTURES.items():
        if not registered.published_onnx:
            assert (_ORACLE.parent / "networks" / f"{_ORACLE_NAMES.get(name, name)}.py").is_file()
