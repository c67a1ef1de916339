"""What is served where an export cannot be made anew, or one of several fails."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import export.prepare
from export.files import CannotWrite
from export.manifest import MANIFEST_FILE
from export.models import ModelSpec, model_spec
from export.order import Item, Order, carry_out
from export.prepare import prepare
from export.progress import Reporter
from export.sources import Source
from export.store import ModelStore
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import ChecksumMismatch, ExportError, WeightsError
from limner.settings import Settings

DETECTOR = "detection_mobilenet0.25_Final.pth"
PUBLISHED = Source("official", DETECTOR, "0" * 64, DETECTOR)


def change(settings: Settings, **values: object) -> None:
    """Write other values into the detector's manifest."""
    path = settings.models_dir / "retinaface" / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def outdated(exported: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The detector's export is of other tools, and its weights are gone."""
    monkeypatch.setattr("export.fingerprint.tools_unchanged", lambda tools: False)
    monkeypatch.setattr("export.packaged.PackagedWeights.version", None)
    return exported


def test_an_export_that_cannot_be_made_anew_is_served_on(
    outdated: Settings, reporter: Reporter, said: io.StringIO
) -> None:
    change(outdated, created="2026-01-02T03:04:05+00:00", tools={"limner": "0.0.9"})
    catalog = prepare(outdated, models=["retinaface"], reporter=reporter)
    (entry,) = catalog.available("detector")
    assert (entry.model, entry.reason) == ("retinaface", None)
    made = "retinaface is still the export of 2026-01-02 (Limner 0.0.9, FP32); it could not be made anew: detection_"
    assert made in said.getvalue()
    assert "switched off" not in said.getvalue()
    assert Catalog.load(outdated.models_dir / CATALOG_FILE) == catalog


@pytest.mark.parametrize(
    ("profile", "changed", "kept"),
    [
        ("cpu", {}, True),
        ("gpu", {}, True),
        ("tensorrt", {}, False),
        ("cpu", {"inputs": [{"name": "IMAGE", "dtype": "FP32", "shape": ["H", "W", 3]}]}, False),
        ("cpu", {"outputs": []}, False),
        ("cpu", {"files": ["model.onnx"]}, False),
    ],
)
def test_only_what_this_version_can_serve_is_kept(
    outdated: Settings, profile: str, changed: dict[str, object], kept: bool, reporter: Reporter, said: io.StringIO
) -> None:
    manifest = ModelStore(outdated.models_dir).manifest("retinaface")
    assert manifest is not None
    if "files" in changed:
        changed = {"files": [file for file in manifest.files if file["name"] in changed["files"]]}  # type: ignore[operator]
    change(outdated, **changed)
    catalog = prepare(outdated.model_copy(update={"profile": profile}), models=["retinaface"], reporter=reporter)
    assert bool(catalog.available("detector")) is kept
    assert ("retinaface is switched off: " in said.getvalue()) is not kept


def test_an_order_for_everything_leaves_it_in_the_catalogue(outdated: Settings, reporter: Reporter) -> None:
    order = Order((Item(model_spec("retinaface")), Item(model_spec("gfpgan"))), outdated.models_dir, lenient=True)
    assert list(carry_out(order, outdated, reporter)) == []
    catalog = Catalog.load(outdated.models_dir / CATALOG_FILE)
    assert catalog.available("detector")
    assert "GFPGANv1.4.pth is not in LIMNER_WEIGHTS" in (catalog.reason("face_restorer") or "")


Refuse = Callable[[Exception, Source], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Lets every export from a source fail with an error."""

    def prepare_to_fail(error: Exception, source: Source) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("export.prepare._obtain", lambda *_: source)
        monkeypatch.setattr("export.prepare.export_into", fail)

    return prepare_to_fail


@pytest.fixture
def upscaler(exported: Settings) -> Settings:
    """Only a whole export of an upscaler is there: the detector's files under its name."""
    shutil.move(exported.models_dir / "retinaface", exported.models_dir / "realesrgan_x4")
    path = exported.models_dir / "realesrgan_x4" / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["source"]["file"] = "RealESRGAN_x4plus.pth"
    path.write_text(json.dumps({**manifest, "model": "realesrgan_x4", "role": "background"}))
    return exported


@pytest.mark.parametrize("kind", ["official", "packaged"])
def test_a_failed_export_of_published_weights_switches_only_its_role_off(
    upscaler: Settings, refuse: Refuse, kind: str, reporter: Reporter, said: io.StringIO
) -> None:
    refuse(ExportError("It ended unexpectedly."), replace(PUBLISHED, kind=kind))  # type: ignore[arg-type]
    catalog = prepare(upscaler, models=["retinaface"], reporter=reporter)
    assert catalog.reason("detector") == "It ended unexpectedly."
    assert [entry.model for entry in catalog.available("background")] == ["realesrgan_x4"]
    assert "retinaface is switched off: It ended unexpectedly." in said.getvalue()


@pytest.mark.parametrize(
    ("error", "source"),
    [
        (ExportError("It ended unexpectedly."), replace(PUBLISHED, kind="custom")),
        (ExportError("It ended unexpectedly."), replace(PUBLISHED, second=replace(PUBLISHED, kind="custom"))),
        (CannotWrite("The disk is full."), PUBLISHED),
        (KeyboardInterrupt(), PUBLISHED),
    ],
)
def test_what_ends_the_start_all_the_same(upscaler: Settings, refuse: Refuse, error: Exception, source: Source) -> None:
    refuse(error, source)
    with pytest.raises(type(error)):
        prepare(upscaler, models=["retinaface"])


def test_a_start_with_nothing_useful_fails(exported: Settings, refuse: Refuse, reporter: Reporter) -> None:
    """A detector alone makes no photo better."""
    refuse(ExportError("It ended unexpectedly."), PUBLISHED)
    with pytest.raises(ExportError, match="It ended unexpectedly"):
        prepare(exported, models=["retinaface", "gfpgan"], reporter=reporter)


def test_weights_that_are_not_published_end_the_start(upscaler: Settings) -> None:
    upscaler.weights_dir.mkdir()
    (upscaler.weights_dir / DETECTOR).write_bytes(b"something")
    with pytest.raises(ChecksumMismatch):
        prepare(upscaler, models=["retinaface"])


@pytest.mark.parametrize("there", [True, False])
def test_without_the_packages_that_exporting_needs(
    upscaler: Settings, there: bool, reporter: Reporter, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without network: what is there is served, and where nothing is, the start fails."""

    def offline(reporter: Reporter) -> None:
        raise ExportError("PyTorch could not be installed.")

    monkeypatch.setattr("export.prepare.ensure_export_packages", offline)
    if not there:
        shutil.rmtree(upscaler.models_dir / "realesrgan_x4")
        with pytest.raises(ExportError, match="PyTorch could not be installed"):
            prepare(upscaler, models=["retinaface"], reporter=reporter)
        return
    catalog = prepare(upscaler, models=["retinaface"], reporter=reporter)
    assert catalog.available("background")
    assert "retinaface is switched off: PyTorch could not be installed." in said.getvalue()


def test_a_file_to_blend_with_is_no_wish_for_its_own_model(
    make_settings: Callable[..., Settings], reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def obtain(spec: ModelSpec, *_: object) -> Source:
        asked.append(spec.name)
        raise WeightsError("None.")

    monkeypatch.setattr(export.prepare, "_obtain", obtain)
    settings = make_settings()
    settings.weights_dir.mkdir(parents=True)
    for file in ("realesr-general-x4v3.pth", "realesr-general-wdn-x4v3.pth"):
        Path(settings.weights_dir / file).touch()
    prepare(settings, reporter=reporter)
    assert "realesr_general_x4v3" in asked
    assert "realesr_general_wdn_x4v3" not in asked
