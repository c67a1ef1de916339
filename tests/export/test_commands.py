"""``limner export``, ``weights`` and ``models``, as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.export_command import export
from cli.models_command import models
from cli.weights_command import weights
from export.registry import WEIGHTS
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import CheckpointMismatch, DownloadFailed, ExportError, WeightsError
from limner.settings import Settings, get_settings


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a command offline with its data in ``tmp_path / "data"``; errors of ours come through."""
    monkeypatch.setenv("LIMNER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LIMNER_OFFLINE", "1")
    get_settings.cache_clear()
    runner = CliRunner()

    def run(command, *arguments: str) -> Result:
        result = runner.invoke(command, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    get_settings.cache_clear()


def test_seeded_export(call, tmp_path: Path) -> None:
    output = tmp_path / "seeded"
    result = call(export, "retinaface", "--seeded", "--output", output)
    assert result.stdout.startswith("retinaface\tfp32\t1.7 MB\tlargest error ")
    manifest = json.loads((output / "retinaface" / "manifest.json").read_text())
    assert (manifest["source"]["kind"], manifest["custom"]) == ("seeded", True)
    (entry,) = Catalog.load(output / CATALOG_FILE).available("detector")
    assert entry.source == "seeded weights (seed 0)"
    assert entry.custom
    assert not (tmp_path / "data" / "models").exists()


def test_own_checkpoint(call, tmp_path: Path, mobilenet_file: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(mobilenet_file.read_bytes())
    call(export, "retinaface", "--weights", mine)
    settings = Settings(data=tmp_path / "data", offline=True)
    (entry,) = Catalog.load(settings.models_dir / CATALOG_FILE).available("detector")
    assert (entry.source, entry.custom) == ("mine.pth", True)
    assert "the owner's" in (entry.licence or "")
    stamp = (settings.models_dir / "retinaface" / "manifest.json").stat().st_mtime_ns
    # `limner serve` brings models up to date: what was given by hand stays.
    from export.prepare import prepare

    prepare(settings, models=["retinaface"])
    assert (settings.models_dir / "retinaface" / "manifest.json").stat().st_mtime_ns == stamp
    assert "(custom)" in call(models).stdout


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
def test_misuse_is_explained(arguments, what: str, call) -> None:
    result = call(export, *arguments)
    assert result.exit_code == 2
    assert what in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        (["gfpgan"], ExportError, "not supported by this version"),
        (["nosuch"], ExportError, "no model that Limner knows"),
        (["retinaface", "--precision", "int8"], ExportError, "Precision int8 is not supported.*fp32"),
        (["--all", "--precision", "fp16"], ExportError, "Precision fp16"),
        (["retinaface", "--weights", "gone.pth"], WeightsError, r"gone\.pth does not exist"),
        (["realesrgan_x2"], DownloadFailed, r"RealESRGAN_x2plus\.pth is not in LIMNER_WEIGHTS"),
    ],
)
def test_errors_name_the_remedy(arguments, error, what: str, call) -> None:
    with pytest.raises(error, match=what):
        call(export, *arguments)


def test_checkpoint_of_another_network(call, x4plus_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"RealESRGAN_x4plus\.pth does not fit RetinaFace"):
        call(export, "retinaface", "--weights", x4plus_file)
    assert not (tmp_path / "data" / "models" / "retinaface").exists()


def test_weights_list(call, tmp_path: Path) -> None:
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "codeformer.pth").touch()
    lines = call(weights, "list").stdout.splitlines()
    for weight in WEIGHTS:
        (line,) = [line for line in lines if f" {weight.file} " in line]
        assert weight.licence in line
        assert ("non-commercial]" in line) == weight.non_commercial
        assert (" yes " in line) == (weight.model == "codeformer")


def test_weights_pull(call) -> None:
    with pytest.raises(WeightsError, match=r"codeformer\.pth may not be used commercially.*--accept-licence"):
        call(weights, "pull", "codeformer")
    with pytest.raises(DownloadFailed, match=r"codeformer\.pth.*LIMNER_OFFLINE"):
        call(weights, "pull", "codeformer", "--accept-licence")
    with pytest.raises(DownloadFailed, match=r"detection_mobilenet0\.25_Final\.pth"):
        call(weights, "pull")
    with pytest.raises(WeightsError, match="nosuch"):
        call(weights, "pull", "nosuch")


def test_models_before_any_export(call) -> None:
    with pytest.raises(ExportError, match="limner export"):
        call(models)
