"""The process that exports one model: what it refuses, and what it does when it cannot write."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

import export.run
from export.fingerprint import fingerprint
from export.float_graph import FloatGraph
from export.manifest import Manifest
from export.models import ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.parity import check_parity
from export.precision.forms import Forms
from export.precisions import Aim, Precision
from export.registry import weight_file
from export.sources import Source
from export.weights import seeded
from export.worker import Job, export_model
from limner.errors import CheckpointMismatch, ExportError
from limner.settings import PROJECT_ROOT

SPEC = model_spec("realesrgan_x4")
SOURCE = seeded(weight_file("RealESRGAN_x4plus.pth"), 0)
AIM = Aim("fp32", "fp32")


class Enlarge(torch.nn.Module):
    """A stand-in for the network: every pixel four times as wide and high."""

    def __init__(self, factor: int = 4, offset: float = 0.0) -> None:
        super().__init__()
        self.factor, self.offset = factor, offset

    def exact(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows = image.to(torch.float32).repeat_interleave(self.factor, dim=1)
        return (rows.repeat_interleave(self.factor, dim=2) + self.offset,)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.exact(image)[0].round().to(torch.uint8)


class Sums(Enlarge):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.exact(image)[0]


EXAMPLES = ((torch.arange(2 * 3 * 5 * 3, dtype=torch.uint8).reshape(2, 3, 5, 3),),)


@pytest.fixture(scope="module")
def enlarging() -> onnx.ModelProto:
    return to_onnx(SPEC, Enlarge(), EXAMPLES[0])


def test_declared_names_and_axes(enlarging: onnx.ModelProto) -> None:
    (given,), (result,) = enlarging.graph.input, enlarging.graph.output
    axes = [[dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in (given, result)]
    assert (given.name, result.name) == ("TILE", "UPSCALED")
    assert axes == [["N", "H", "W", 3], ["N", "4H", "4W", 3]]
    assert not any(node.doc_string or node.metadata_props for node in enlarging.graph.node)


def test_parity_is_measured_before_rounding(enlarging: onnx.ModelProto) -> None:
    (figure,) = check_parity(SPEC, enlarging, Enlarge(), EXAMPLES)
    assert figure.max_error == 0.0
    (figure,) = check_parity(SPEC, enlarging, Enlarge(offset=0.05), EXAMPLES)
    assert figure.max_error == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("offset", [0.2, float("nan")])
def test_a_graph_that_differs_is_refused(offset: float, enlarging: onnx.ModelProto) -> None:
    with pytest.raises(ExportError, match="UPSCALED of realesrgan_x4 differs from PyTorch"):
        check_parity(SPEC, enlarging, Enlarge(offset=offset), EXAMPLES)


def test_another_size_is_refused(enlarging: onnx.ModelProto) -> None:
    with pytest.raises(ExportError, match="has shape"):
        check_parity(SPEC, enlarging, Enlarge(factor=2), EXAMPLES)
    with pytest.raises(ExportError, match="weights may be those of another scale"):
        check_parity(model_spec("realesrgan_x2"), enlarging, Enlarge(), EXAMPLES)


def test_undeclared_tensors_are_refused() -> None:
    with pytest.raises(ExportError, match=r"UPSCALED of realesrgan_x4 was exported as type 1"):
        to_onnx(SPEC, Sums(), EXAMPLES[0])


def test_untraceable_graph_is_refused() -> None:
    class Untraceable(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise ValueError(image.shape)

    with pytest.raises(ExportError, match="could not be exported to ONNX"):
        to_onnx(SPEC, Untraceable(), EXAMPLES[0])


@pytest.mark.parametrize("half_written", ["model.onnx", "model.bin", "manifest.json"])
def test_full_disk_is_explained(
    half_written: str, enlarging: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file the disk is full at: /dev/full takes no byte."""
    monkeypatch.setattr("export.float_graph.float_graph", lambda *_: FloatGraph(enlarging, (), SOURCE))
    versioned = tmp_path / SPEC.version
    versioned.mkdir()
    monkeypatch.setattr(Path, "mkdir", lambda *_: None)
    folder = tmp_path if half_written == "manifest.json" else versioned
    (folder / half_written).symlink_to("/dev/full")
    with pytest.raises(ExportError, match=r"realesrgan_x4 could not be written \(.+\)\. Free .*LIMNER_DATA"):
        export_model(SPEC, SOURCE, AIM, tmp_path)


def test_files_and_their_hashes(tmp_path: Path, enlarging: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    parity = check_parity(SPEC, enlarging, Enlarge(offset=0.05), EXAMPLES)
    monkeypatch.setattr("export.float_graph.float_graph", lambda *_: FloatGraph(enlarging, parity, SOURCE))
    aim = Aim("auto", "fp32", "This CPU is slow.")
    manifest = export_model(SPEC, SOURCE, aim, tmp_path)
    assert Manifest.load(tmp_path) == manifest
    assert [file["name"] for file in manifest.files] == ["model.bin", "model.onnx", "model.xml"]
    for file in manifest.files:
        content = (tmp_path / "1" / str(file["name"])).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert manifest.bytes == sum(path.stat().st_size for path in (tmp_path / "1").iterdir())
    assert (manifest.precision, manifest.requested, manifest.precision_reason) == ("fp32", "auto", aim.reason)
    assert manifest.worst_error == parity[0].relative > 0


def test_reason_of_the_quality_gate_comes_first(
    tmp_path: Path, enlarging: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Forms("fp32", ({"recipe": "mixed", "passed": False},), "INT8 did not pass.")
    monkeypatch.setattr("export.float_graph.float_graph", lambda *_: FloatGraph(enlarging, (), SOURCE))
    monkeypatch.setattr("export.precision.forms.write_forms", lambda *_: refused)
    manifest = export_model(SPEC, SOURCE, Aim("auto", "int8"), tmp_path)
    assert (manifest.precision, manifest.precision_reason) == ("fp32", "INT8 did not pass.")
    assert manifest.quality[-1] == {"recipe": "mixed", "passed": False}
    # It is what was tried that makes an export current, or the same attempt would be made at each start.
    assert manifest.fingerprint == fingerprint(SPEC, SOURCE, Aim("auto", "int8"))
    assert manifest.fingerprint != fingerprint(SPEC, SOURCE, Aim("auto", "fp32"))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_int8_of_an_rrdbnet_gets_a_form_for_limners_own_kernel(
    precision: Precision, tmp_path: Path, enlarging: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def add(spec: ModelSpec, model: onnx.ModelProto, forms: Forms, folder: Path, obstacle: str | None) -> Forms:
        seen.append(obstacle)
        (folder / "model.rrdb").touch()
        return replace(forms, precision="int8", reason=None)

    monkeypatch.setattr("export.float_graph.float_graph", lambda *_: FloatGraph(enlarging, (), SOURCE))
    monkeypatch.setattr("export.precision.forms.write_forms", lambda *_: Forms("fp32", (), "INT8 did not pass."))
    monkeypatch.setattr("export.winograd.form.add_winograd", add)
    aim = Aim("auto", precision, no_winograd=None)
    manifest = export_model(SPEC, SOURCE, aim, tmp_path)
    assert manifest.precision == precision
    assert seen == ([None] if precision == "int8" else [])
    assert [file["name"] for file in manifest.files] == ["model.rrdb"] * len(seen)
    assert manifest.fingerprint == fingerprint(SPEC, SOURCE, aim)


def test_job_survives_the_pipe() -> None:
    job = Job("realesrgan_x4", SOURCE, Aim("auto", "int8", "why"), "/somewhere")
    assert Job.from_json(job.to_json()) == job


def test_errors_cross_the_pipe(tmp_path: Path, x4plus_file: Path) -> None:
    source = seeded(weight_file("detection_mobilenet0.25_Final.pth"), 0)
    given = Source("custom", "x.pth", "0", source.file, path=str(x4plus_file))
    with pytest.raises(CheckpointMismatch, match=r"x\.pth does not fit RetinaFace"):
        export.run._run(Job("retinaface", given, AIM, "/x"))


def test_worker_that_dies_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "to_json", lambda self: json.dumps({"model": "realesrgan_x4"}))
    with pytest.raises(ExportError, match=r"ended unexpectedly.*KeyError"):
        export.run._run(Job("realesrgan_x4", SOURCE, AIM, "/x"))


@pytest.mark.parametrize(
    ("raised", "cannot_write", "what"),
    [
        (
            "RuntimeError('the runtime failed\\nat length')",
            False,
            r"\(RuntimeError: the runtime failed\)\. .*limner doctor",
        ),
        ("MemoryError()", False, "memory ran out"),
        ("OSError(28, 'No space left on device')", True, r"\(No space left on device\)\. Free"),
    ],
)
def test_what_no_tool_was_expected_to_raise_is_a_sentence(raised: str, cannot_write: bool, what: str) -> None:
    script = f"import export.worker as w\ndef fail(*_): raise {raised}\nw.export_model = fail\nw.main()"
    job = Job("realesrgan_x4", SOURCE, AIM, "/x").to_json()
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(job + "\n")
        worker.stdin.flush()
        answer = json.loads(worker.stdout.readline())
    assert answer["cannot_write"] is cannot_write
    assert re.fullmatch(rf"\[export-failed\] realesrgan_x4 could not be exported.*{what}.*", answer["error"])


def test_worker_ends_with_its_parent() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", "import time; import export.worker as w; w._end_with_parent(); time.sleep(60)"],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
    )
    worker.communicate(timeout=30)
    assert worker.returncode == 1
