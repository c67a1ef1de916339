"""TensorRT takes every exported graph: engines are built ahead of time, for GPUs that are not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cli.export_command import export
from export.architectures import ARCHITECTURES
from export.fingerprint import fingerprint
from export.manifest import Manifest
from export.models import ALL_PRECISIONS, model_spec
from export.order import Order
from export.precision import tensorrt
from export.precision.fp16 import RECIPES
from export.precision.half import in_half
from export.precision.value_names import named_by_content
from export.precisions import Aim, aim_of
from export.registry import weight_file
from export.tensorrt_profiles import profile
from export.weights import seeded
from export.worker import export_model
from limner.errors import ExportError
from limner.settings import PROJECT_ROOT, Settings
from tests.export.small_networks import small_graph, spec_of

TARGETS = ("SM80", "SM86", "SM89")
"""Ampere of servers and of desktops, Ada."""

_BUILD = """
import sys, tensorrt_rtx
from pathlib import Path
from export.models import model_spec
from export.precision.tensorrt import build_engine
from export.tensorrt_profiles import profile
name, targets, *graphs = sys.argv[1:]
for graph in graphs:
    engine = build_engine(tensorrt_rtx, name, Path(graph).read_bytes(), profile(model_spec(name)), targets.split())
    print(len(engine))
"""


def built(model: str, graphs: list[bytes], folder: Path) -> list[int]:
    """Bytes of the engine of each graph. In a process of its own: a fault in TensorRT must not end the tests."""
    files = [folder / f"{number}.onnx" for number in range(len(graphs))]
    for file, graph in zip(files, graphs, strict=True):
        file.write_bytes(graph)
    command = [sys.executable, "-c", _BUILD, model, " ".join(TARGETS), *map(str, files)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return [int(line) for line in done.stdout.splitlines() if line.isdecimal()]


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if profile(spec_of(name)) is not None])
def test_every_graph_compiles_with_the_shapes_of_the_gpu_profile(name: str, tmp_path: Path) -> None:
    """In FP32, in FP16, and with as much as can be kept in FP32."""
    graph = named_by_content(small_graph(name))
    forms = [graph, *(in_half(graph, recipe) for recipe in (RECIPES[0], RECIPES[-1]))]
    sizes = built(spec_of(name).name, [form.SerializeToString() for form in forms], tmp_path)
    assert len(sizes) == len(forms)
    assert min(sizes) > 10_000


def test_only_detectors_are_not_run_by_tensorrt() -> None:
    assert {spec_of(name).role for name in ARCHITECTURES if profile(spec_of(name)) is None} == {"detector"}


def test_a_graph_that_tensorrt_refuses_is_an_error_with_its_reason(tmp_path: Path) -> None:
    import tensorrt_rtx

    spec = model_spec("realesrgan_x4")
    with pytest.raises(ExportError, match="cannot read the graph of realesrgan_x4"):
        tensorrt.build_engine(tensorrt_rtx, spec.name, b"not a graph", profile(spec) or (), TARGETS)


def test_plans_need_the_gpu_that_they_are_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tensorrt, "has_gpu", lambda: False)
    source = seeded(weight_file("RealESRGAN_x4plus.pth"), 0)
    with pytest.raises(ExportError, match=r"no NVIDIA driver here.*LIMNER_PROFILE=gpu"):
        export_model(model_spec("realesrgan_x4"), source, Aim("fp16", "fp16", plan=True), tmp_path)
    assert not list(tmp_path.iterdir()), "it is said before minutes have passed"


def test_plans_need_the_tensorrt_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt, "has_gpu", lambda: True)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(ExportError, match="pip install tensorrt-cu12=="):
        tensorrt.require_tensorrt()


def test_a_plan_is_written_beside_the_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = SimpleNamespace()
    monkeypatch.setattr(tensorrt, "require_tensorrt", lambda: module)
    monkeypatch.setattr(tensorrt, "build_engine", lambda *given: repr(given[:3]).encode())
    (tmp_path / "model.onnx").write_bytes(b"graph")
    tensorrt.write_plan(model_spec("gfpgan"), tmp_path)
    assert (tmp_path / "model.plan").read_bytes() == repr((module, "gfpgan", b"graph")).encode()
    (tmp_path / "model.plan").unlink()
    tensorrt.write_plan(model_spec("retinaface"), tmp_path)
    assert not (tmp_path / "model.plan").exists()


def test_the_profile_tensorrt_aims_at_plans_and_their_exports_are_others(tmp_path: Path) -> None:
    plans, graphs = (aim_of(Settings(data=tmp_path, profile=chosen), ALL_PRECISIONS) for chosen in ("tensorrt", "gpu"))
    assert (plans.precision, plans.plan) == ("fp16", True)
    assert (graphs.precision, graphs.plan) == ("fp16", False)
    spec, source = model_spec("realesrgan_x4"), seeded(weight_file("RealESRGAN_x4plus.pth"), 0)
    assert fingerprint(spec, source, plans) != fingerprint(spec, source, graphs)


def test_the_flag_asks_for_plans(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Settings] = []

    def carry_out(order: Order, settings: Settings) -> Iterator[Manifest]:
        asked.append(settings)
        return iter(())

    monkeypatch.setattr("export.order.carry_out", carry_out)
    monkeypatch.setattr("cli.tables.print_manifests", list)
    command = ["--tensorrt", "--seeded", "gfpgan", "--output", str(tmp_path)]
    assert CliRunner().invoke(export, command).exit_code == 0
    assert [settings.profile for settings in asked] == ["tensorrt"]
