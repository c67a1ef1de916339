"""``limner export``, ``weights`` and ``models``, as they are called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner, Result

from cli.export_command import export
from cli.models_command import models
from cli.weights_command import weights
from export.registry import WEIGHTS
from export.store import ModelStore
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import CheckpointMismatch, DownloadFailed, ExportError, SettingsError, WeightsError
from limner.settings import Settings, get_settings

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Runs a command offline with its data in ``tmp_path / "data"``; errors of ours come through."""
    monkeypatch.setenv("LIMNER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LIMNER_OFFLINE", "1")
    get_settings.cache_clear()
    runner = CliRunner()

    def run(command: Command, *arguments: str | Path) -> Result:
        result = runner.invoke(command, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    get_settings.cache_clear()


def test_seeded_export(call: Call, tmp_path: Path) -> None:
    output = tmp_path / "seeded"
    result = call(export, "detection_mobilenet0.25_Final", "--seeded", "--precision", "int8", "--output", output)
    assert [cell.split()[:3] for cell in result.stdout.splitlines() if "seeded" in cell] == [
        ["retinaface", "detection_mobilenet0.25_Final", "fp32"]
    ]
    assert "retinaface: This model is not offered in INT8." in result.stdout
    manifest = json.loads((output / "retinaface" / "manifest.json").read_text())
    assert (manifest["source"]["kind"], manifest["custom"]) == ("seeded", True)
    (entry,) = Catalog.load(output / CATALOG_FILE).available("detector")
    assert entry.source == "seeded weights (seed 0)"
    assert entry.custom
    assert not (tmp_path / "data" / "models").exists()


def test_own_checkpoint(call: Call, tmp_path: Path, mobilenet_file: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(mobilenet_file.read_bytes())
    call(export, "retinaface", "--weights", mine, "--precision", "fp32")
    settings = Settings(data=tmp_path / "data", offline=True, precision="fp32")
    (entry,) = Catalog.load(settings.models_dir / CATALOG_FILE).available("detector")
    assert (entry.source, entry.custom) == ("mine.pth", True)
    assert "the owner's" in (entry.licence or "")
    stamp = (settings.models_dir / "retinaface" / "manifest.json").stat().st_mtime_ns
    # `limner serve` brings models up to date: what was given by hand stays.
    from export.prepare import prepare

    prepare(settings, models=["retinaface"])
    assert (settings.models_dir / "retinaface" / "manifest.json").stat().st_mtime_ns == stamp
    line, *_ = [line.split() for line in call(models).stdout.splitlines() if "mine.pth" in line]
    assert line[:5] == ["detector", "retinaface", "detection_mobilenet0.25_Final", "(custom)", "fp32"]


def test_models_shows_what_the_manifests_hold(call: Call, exported: Settings) -> None:
    manifest = ModelStore(exported.models_dir).manifest("retinaface")
    assert manifest is not None
    known: dict[str, Any] = {
        "quality": [{"figures": {"psnr": 3}}, {"figures": {"psnr_mean": 38.217}}],
        "precision_reason": "It is so.",
    }
    changed = replace(manifest, **known)
    (exported.models_dir / "retinaface" / "manifest.json").write_text(changed.to_json())
    shown = call(models).stdout
    (line,) = [line for line in shown.splitlines() if " retinaface " in line]
    assert f" fp32 {manifest.bytes / 1e6:.1f} {manifest.worst_error:.1e} psnr_mean 38.22 " in " ".join(line.split())
    assert str(manifest.source["label"]) in line
    assert line.rstrip().endswith("MIT")
    assert "retinaface: It is so." in shown
    reasons = [line.split() for line in shown.splitlines() if "has not been exported" in line]
    assert ["face_restorer", "gfpgan"] in [words[:2] for words in reasons]
    (exported.models_dir / "retinaface" / "1" / "model.bin").unlink()
    assert " damaged " in call(models).stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--seeded", "--all"], "--output"),
        (["--seeded", "--output", "x"], "needs a MODEL"),
        (["--weights", "mine.pth"], "exactly one MODEL"),
        (["retinaface", "realesrgan_x4", "--weights", "mine.pth"], "exactly one MODEL"),
        (["--precision", "int4"], "int4"),
    ],
)
def test_misuse_is_explained(arguments: list[str], what: str, call: Call) -> None:
    result = call(export, *arguments)
    assert result.exit_code == 2
    assert what in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        (["gfpgan"], DownloadFailed, r"GFPGANv1\.4\.pth is not in LIMNER_WEIGHTS"),
        (["GFPGANv1.3"], DownloadFailed, r"GFPGANv1\.3\.pth is not in LIMNER_WEIGHTS"),
        (["codeformer"], WeightsError, r"codeformer\.pth is fetched only when asked for .*--accept-licence"),
        (["nosuch"], ExportError, "no model that Limner knows"),
        (["--all", "--precision", "fp16"], SettingsError, "LIMNER_PRECISION=fp16 does not go with LIMNER_PROFILE=cpu"),
        (["retinaface", "--weights", "gone.pth"], WeightsError, r"gone\.pth does not exist"),
        (["realesrgan_x2"], DownloadFailed, r"RealESRGAN_x2plus\.pth is not in LIMNER_WEIGHTS"),
    ],
)
def test_errors_name_the_remedy(arguments: list[str], error: type[Exception], what: str, call: Call) -> None:
    with pytest.raises(error, match=what):
        call(export, *arguments)


def test_checkpoint_of_another_network(call: Call, x4plus_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"RealESRGAN_x4plus\.pth holds weights of another network"):
        call(export, "retinaface", "--weights", x4plus_file)
    assert not (tmp_path / "data" / "models" / "retinaface").exists()


def test_weights_list(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "codeformer.pth").touch()
    lines = call(weights, "list").stdout.splitlines()
    for weight in WEIGHTS:
        (line,) = [line for line in lines if f" {weight.file} " in line]
        assert weight.licence in line
        assert ("non-commercial]" in line) == weight.non_commercial
        assert (" yes " in line) == (weight.model == "codeformer")


def test_weights_pull(call: Call) -> None:
    with pytest.raises(WeightsError, match=r"codeformer\.pth may not be used commercially.*--accept-licence"):
        call(weights, "pull", "codeformer")
    with pytest.raises(DownloadFailed, match=r"codeformer\.pth.*LIMNER_OFFLINE"):
        call(weights, "pull", "codeformer", "--accept-licence")
    with pytest.raises(DownloadFailed, match=r"detection_Resnet50_Final\.pth"):
        call(weights, "pull")
    with pytest.raises(DownloadFailed, match=r"GFPGANv1\.4\.pth"):
        call(weights, "pull", "gfpgan")
    with pytest.raises(WeightsError, match="nosuch"):
        call(weights, "pull", "nosuch")


def test_licences_of_what_is_fetched_are_told_in_a_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is for those who ask needs a yes; the rest of the non-commercial files are named."""
    monkeypatch.setattr("export.download.Downloader.fetch", lambda *_: None)
    said = call(weights, "pull", "gfpgan", "retinaface").stderr
    assert "GFPGANv1.4.pth is for non-commercial use: Apache-2.0; its LICENSE embeds" in said
    assert "detection_Resnet50_Final.pth is for" not in said


def test_models_before_any_export(call: Call) -> None:
    with pytest.raises(ExportError, match="limner export"):
        call(models)
