"""The models of all sides, filled with the same weights: real ones where a package carries them, else random ones."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

from export.architectures import ARCHITECTURES
from export.checkpoint import save_checkpoint
from export.fingerprint import fingerprint, is_current
from export.manifest import MANIFEST_FILE, Manifest
from export.models import model_spec
from export.order import Order, carry_out, item_called
from export.precision.forms import ONNX_FILE
from export.precisions import Aim, aim_of
from export.progress import Reporter
from export.registry import weight_file
from export.sources import Source
from limner.settings import Settings
from perf.regardless import write_int8_regardless, write_winograd_regardless

SEED = 0
_ORDERED = {
    "retinaface": "detection_mobilenet0.25_Final",  # a package carries its weights, so that faces are found
    "gfpgan": "GFPGANv1.4",
    "parsenet": "parsing_parsenet",
    "realesrgan_x4": "RealESRGAN_x4plus",
    "realesrgan_x2": "RealESRGAN_x2plus",
}
MODELS = tuple(_ORDERED)

_INT8 = Aim(requested="int8", precision="int8", no_winograd=None)

REGARDLESS = "Random weights, quantised to measure speed; the gate was not asked."


def fp32_models(folder: Path) -> Path:
    """The folder of the models in FP32 within ``folder``, exported where they are missing or out of date."""
    return _exported(folder / "fp32", MODELS, "fp32")


def int8_models(folder: Path) -> Path:
    """The same in INT8, where a model is offered in it; others in FP32.

    Real weights pass the gate first. Random ones are quantised regardless of it: what is measured is their speed.
    """
    floats, models = fp32_models(folder), folder / "int8"
    for name in MODELS:
        manifest = Manifest.load(floats / name)
        if manifest is None:
            continue
        if Source.from_manifest(manifest.source).kind != "seeded":
            _exported(models, (name,), "auto")
        elif not _is_current(models / name, _INT8):
            shutil.copytree(floats / name, models / name, dirs_exist_ok=True)
            _quantise(models / name, manifest)
    return models


def _exported(models: Path, names: tuple[str, ...], precision: Literal["fp32", "auto"]) -> Path:
    settings = Settings().model_copy(update={"precision": precision})
    wanted = (name for name in names if not _is_current(models / name, aim_of(settings, model_spec(name).precisions)))
    items = tuple(item_called(_ORDERED[name]) for name in wanted)
    if items:
        for _ in carry_out(Order(items, models, seed=SEED, packaged_first=True), settings, Reporter()):
            pass
    return models


def _is_current(folder: Path, aim: Aim) -> bool:
    manifest = Manifest.load(folder)
    return manifest is not None and is_current(manifest, Source.from_manifest(manifest.source), aim)


def _quantise(folder: Path, manifest: Manifest) -> None:
    version = folder / manifest.version
    spec, source = model_spec(manifest.model), Source.from_manifest(manifest.source)
    write_int8_regardless(spec, version / ONNX_FILE, version)
    if ARCHITECTURES[weight_file(source.file).architecture].winograd:
        write_winograd_regardless(spec, version / ONNX_FILE, version)
    files = [file | {"bytes": (version / str(file["name"])).stat().st_size} for file in manifest.files]
    told = replace(manifest, precision="int8", precision_reason=REGARDLESS, files=files)
    changed = replace(told, fingerprint=fingerprint(spec, source, _INT8))
    (folder / MANIFEST_FILE).write_text(changed.to_json(), "utf-8")


def checkpoints_in(folder: Path, models: Path) -> dict[str, Path]:
    """The same weights as upstream reads them, by model: files of the official layout in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in MODELS:
        manifest = Manifest.load(models / name)
        if manifest is None:
            raise SystemExit(f"{name} has not been exported")
        source = Source.from_manifest(manifest.source)
        weight = weight_file(source.file)
        files[name] = folder / Path(weight.file).with_suffix(".pth").name
        if not files[name].exists():
            save_checkpoint(source.load(), files[name], weight.keys[0] if weight.keys else None)
    return files
