"""The capacity page, its plots, and the operations that its estimates for GPUs are made from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from perf.cost import page
from perf.cost.capacity import CostModel
from perf.cost.estimates import memory_section
from perf.cost.figures import write_figures
from perf.cost.flops import TILE_SIDE, flops_of, network_flops
from perf.cost.gpu import GPUS, SHARE, Operations, core_seconds_left
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO
from tests.perf.cost_samples import cost, result


def test_gpu_estimate_is_the_sum_it_says() -> None:
    work = {PHOTO: 0.5, NETWORK: 1.0, OUTPUT: 2.0, FACES: 2.0}
    operations = Operations.of(result()["flops"], ["realesrgan_x4 int8", "gfpgan fp16", "retinaface fp32"])
    flop = 587_426_955_264 / TILE_SIDE**2 * 1e6 + 2e12
    assert operations.flop(work) == pytest.approx(flop)
    assert Operations.of(result()["flops"], ["gfpgan fp16"]).flop(work) == 2e12
    assert GPUS[0].seconds(flop) == pytest.approx(flop / (GPUS[0].tflops * 1e12 * SHARE))
    left = core_seconds_left(CostModel.of(result()["series"]), work)
    assert left == pytest.approx(cost(work | {NETWORK: 0.0, FACES: 0.0}) + 2 * (20 + 30) / 1000)


def rrdbnet_flops(side: int) -> int:
    dense = sum((64 + 32 * grown) * 32 for grown in range(4)) + 192 * 64
    photo = 3 * 64 + 23 * 3 * dense + 64 * 64
    return 2 * 9 * side**2 * (photo + 4 * 64 * 64 + 16 * (2 * 64 * 64 - 64 * 64 + 64 * 64 + 64 * 3))


def test_operations_of_x4plus(models_dir: Path) -> None:
    assert network_flops(models_dir)["realesrgan_x4"] == rrdbnet_flops(TILE_SIDE)


def test_operations_of_each_kind() -> None:
    def weights(*shape: int) -> Any:
        return ops.constant(np.ones(shape, np.float32))

    def counted(build: Callable[[Any], Any], *shape: int) -> int:
        given = ops.parameter(shape, np.float32)
        return flops_of(ov.Model([build(given)], [given]))

    steps = {"strides": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1]}
    assert counted(lambda x: ops.convolution(x, weights(8, 4, 3, 3), **steps), 1, 4, 6, 5) == 2 * 30 * 8 * 4 * 9
    grouped = weights(4, 2, 1, 3, 3)
    assert counted(lambda x: ops.group_convolution(x, grouped, **steps), 1, 4, 6, 5) == 2 * 30 * 8 * 9
    spread = weights(4, 8, 2, 2)
    assert counted(lambda x: ops.convolution_backprop_data(x, spread, strides=[2, 2]), 1, 4, 6, 5) == 2 * 30 * 4 * 8 * 4
    assert counted(lambda x: ops.matmul(x, weights(7, 9), False, False), 3, 5, 7) == 2 * 3 * 5 * 9 * 7
    assert counted(lambda x: ops.matmul(x, weights(7, 9), True, False), 3, 7, 5) == 2 * 3 * 5 * 9 * 7
    assert counted(ops.relu, 3, 7, 5) == 0


def test_page_is_in_step() -> None:
    assert page.PAGE.read_text("utf-8") == page.capacity_page(), "run python -m perf.cost.page"


def test_page_keeps_measured_and_estimated_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "cost.json")
    assert "Nothing has been measured" in page.capacity_page()
    (tmp_path / "cost.json").write_text(json.dumps(result()))
    text = page.capacity_page()
    sections = [section for section in text.split("\n## ")[1:] if "\n| " in section]
    assert len(sections) == 7
    for section in sections:
        title, _, body = section.partition("\n")
        if not re.search("measured|estimated", title):
            for kind in ("measured: ", "estimated: "):
                assert kind in body, title
        tables = re.split(r"\n\n", body)
        for table in (part for part in tables if part.startswith("| ")):
            assert len({line.count("|") for line in table.strip().splitlines()}) == 1
    assert "| group | Lanczos | 20.0 |" in text
    assert "a megapixel of the photo, a restored face |" in text  # beyond what was fitted
    assert "gfpgan has random weights, which are as fast as real ones: INT8 did not pass." in text
    assert "Left out, for want of time: faces: too many." in text


@pytest.mark.parametrize("further", [0.0, 0.4, 1.0, 1.17])
def test_worst_case_of_memory_is_the_worst(further: float) -> None:
    """A further photo was measured to need more than the model gives it: then there is no worse case to tell."""
    head, _, *lines = memory_section(CostModel.of(result()["series"]), result()["typical"], further).split("\n| ")[1:]
    assert ("worst case" in head) == (further < 1)
    for line in lines:
        estimates = [float(cell.replace(",", "")) for cell in re.findall(r"\| ([0-9,.]+)", line)]
        assert len(estimates) == 4 if further < 1 else 3
        assert estimates == sorted(estimates)


def test_plots_show_every_series(tmp_path: Path) -> None:
    write_figures(result(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"cost-time.svg", "cost-memory.svg", "cost-users.svg"}
    for path in tmp_path.iterdir():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert "small" in (tmp_path / "cost-users.svg").read_text("utf-8")
