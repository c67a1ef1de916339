"""Exports that somebody asks for by name, and whose weights they may be."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from export import order
from export.hashing import HashMemory
from export.manifest import Manifest
from export.models import MODELS, ModelSpec, model_spec
from export.order import Item, Order, carry_out, every_network, item_called
from export.precisions import Aim
from export.progress import Reporter
from export.registry import WEIGHTS, WeightFile, weight_file
from export.sources import Source
from export.store import ModelStore
from export.weights import WeightsFinder, given_file
from limner.errors import CheckpointMismatch, ChecksumMismatch, DownloadFailed, ExportError, SettingsError, WeightsError
from limner.settings import Settings

DETECTOR = model_spec("retinaface")
MOBILENET, RESNET = (weight_file(f"detection_{name}_Final.pth") for name in ("mobilenet0.25", "Resnet50"))


class NoDownloads:
    """A release page that knows no file; it notes what it was asked for."""

    def __init__(self, *_: object) -> None:
        self.asked: list[str] = []

    def __enter__(self) -> NoDownloads:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fetch(self, weight: WeightFile) -> None:
        self.asked.append(weight.file)
        raise DownloadFailed(f"{weight.file} cannot be reached.")


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records what would be exported in place of exporting it."""
    asked: list[str] = []

    def record(store: ModelStore, spec: ModelSpec, source: Source, aim: Aim, reporter: Reporter) -> None:
        asked.append(f"{spec.name} {aim.precision} from {source.label} as {source.variant}")

    monkeypatch.setattr(order, "export_into", record)
    return asked


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("gfpgan", Item(model_spec("gfpgan"))),
        ("GFPGANv1.3", Item(model_spec("gfpgan"), weight_file("GFPGANv1.3.pth"))),
        ("GFPGANv1.4.pth", Item(model_spec("gfpgan"), weight_file("GFPGANv1.4.pth"))),
        ("codeformer", Item(model_spec("codeformer"))),
        ("detection_mobilenet0.25_Final", Item(DETECTOR, MOBILENET)),
    ],
)
def test_names(name: str, item: Item) -> None:
    assert item_called(name) == item


def test_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(ExportError, match="'gfpgam' is no model that Limner knows") as caught:
        item_called("gfpgam")
    assert all(spec.name in caught.value.message for spec in MODELS)


def test_every_network_of_every_model_once() -> None:
    items = every_network()
    found = [(item.spec.name, item.weight.architecture) for item in items if item.weight]
    assert len(found) == len(items) == len(set(found))
    assert {(weight.model, weight.architecture) for weight in WEIGHTS} == set(found)
    # The last one of a model stays in the folder: the packaged one, or the best.
    last = {item.spec.name: item.weight.file for item in items if item.weight}
    assert last["retinaface"] == MOBILENET.file
    assert last["gfpgan"] == "GFPGANv1.4.pth"


def test_seeded_family_uses_packages_where_there_are(
    make_settings: Callable[..., Settings], exports: list[str], tmp_path: Path
) -> None:
    settings = make_settings()
    items = every_network()
    list(carry_out(Order(items, tmp_path / "out", seed=0, packaged_first=True, lenient=True), settings))
    assert len(exports) == len(items)
    real = [line for line in exports if "seeded" not in line]
    assert [line.partition(" ")[0] for line in real] == ["retinaface", "realesrgan_x4"]
    assert "retinaface fp32 from seeded weights (seed 0) as detection_Resnet50_Final" in exports


def test_consent_is_asked_for_before_codeformer_is_fetched(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings, downloads = make_settings(offline=False), NoDownloads()
    finder = WeightsFinder(settings)
    with pytest.raises(WeightsError, match=r"codeformer\.pth is fetched only when asked for .*--accept-licence"):
        finder.obtain(model_spec("codeformer"), downloads)  # type: ignore[arg-type]
    assert downloads.asked == []
    # Once it is on disk, it is used.
    settings.weights_dir.mkdir(parents=True)
    (settings.weights_dir / "codeformer.pth").write_bytes(b"fine-tuned")
    custom = WeightsFinder(settings.model_copy(update={"custom_weights": True}))
    assert custom.obtain(model_spec("codeformer"), downloads).kind == "custom"  # type: ignore[arg-type]


def test_best_file_first_and_only_the_one_that_was_named(make_settings: Callable[..., Settings]) -> None:
    downloads = NoDownloads()
    finder = WeightsFinder(make_settings())
    with pytest.raises(DownloadFailed, match=r"GFPGANv1\.4\.pth"):
        finder.obtain(model_spec("gfpgan"), downloads)  # type: ignore[arg-type]
    assert downloads.asked == ["GFPGANv1.4.pth", "GFPGANv1.3.pth"]
    downloads.asked.clear()
    with pytest.raises(DownloadFailed, match=r"GFPGANv1\.3\.pth"):
        finder.obtain(model_spec("gfpgan"), downloads, only=weight_file("GFPGANv1.3.pth"))  # type: ignore[arg-type]
    assert downloads.asked == ["GFPGANv1.3.pth"]
    # The package carries the smaller detector only: it does not stand in for the larger one.
    with pytest.raises(DownloadFailed, match="Resnet50"):
        finder.obtain(DETECTOR, downloads, only=RESNET)  # type: ignore[arg-type]
    assert finder.obtain(DETECTOR, downloads).variant == MOBILENET.variant  # type: ignore[arg-type]


def test_no_network_names_the_first_file_and_the_folder(
    make_settings: Callable[..., Settings], reporter: Reporter
) -> None:
    with pytest.raises(DownloadFailed, match=r"GFPGANv1\.4\.pth is not in LIMNER_WEIGHTS, and LIMNER_OFFLINE"):
        list(carry_out(Order((item_called("gfpgan"),), make_settings().models_dir), make_settings(), reporter))


def test_lenient_order_tells_and_goes_on(
    make_settings: Callable[..., Settings], exports: list[str], reporter: Reporter, said: io.StringIO, tmp_path: Path
) -> None:
    items = tuple(item_called(name) for name in ("gfpgan", "codeformer", "realesrgan_x4"))
    list(carry_out(Order(items, tmp_path / "out", lenient=True), make_settings(), reporter))
    assert [line.partition(" ")[0] for line in exports] == ["realesrgan_x4"]
    assert "gfpgan is left out: GFPGANv1.4.pth is not in LIMNER_WEIGHTS" in said.getvalue()
    assert "codeformer is left out" in said.getvalue()


def test_wrong_file_is_never_passed_over(
    make_settings: Callable[..., Settings], exports: list[str], reporter: Reporter, tmp_path: Path
) -> None:
    settings = make_settings()
    settings.weights_dir.mkdir(parents=True)
    (settings.weights_dir / "GFPGANv1.4.pth").write_bytes(b"something else")
    with pytest.raises(ChecksumMismatch, match=r"GFPGANv1\.4\.pth in LIMNER_WEIGHTS is not .*LIMNER_CUSTOM_WEIGHTS=1"):
        list(carry_out(Order((item_called("gfpgan"),), tmp_path / "out", lenient=True), settings, reporter))


def test_precision_of_the_served_folder_must_be_servable(
    make_settings: Callable[..., Settings], exports: list[str], reporter: Reporter, tmp_path: Path
) -> None:
    settings = make_settings(precision="fp16")
    with pytest.raises(SettingsError, match="LIMNER_PRECISION=fp16 does not go with LIMNER_PROFILE=cpu"):
        list(carry_out(Order((item_called("realesrgan_x4"),), settings.models_dir), settings, reporter))
    assert exports == []
    # Elsewhere it may be for another machine.
    list(carry_out(Order((item_called("realesrgan_x4"),), tmp_path / "out"), settings, reporter))
    assert exports[0].startswith("realesrgan_x4 fp16 ")


def test_published_file_under_any_name_is_official(
    tmp_path: Path, mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = HashMemory(tmp_path / "hashes.json")
    mine = given_file(mobilenet_file, DETECTOR.files, RESNET, hashes)
    assert (mine.kind, mine.file) == ("given", MOBILENET.file)  # by its name
    other = tmp_path / "mine.pth"
    other.write_bytes(mobilenet_file.read_bytes())
    assert given_file(other, DETECTOR.files, RESNET, hashes).file == RESNET.file  # to be tried first
    monkeypatch.setattr("export.hashing.sha256_of", lambda _: MOBILENET.sha256)
    published = given_file(other, DETECTOR.files, RESNET, HashMemory(tmp_path / "more.json"))
    assert (published.kind, published.file, published.label) == ("official", MOBILENET.file, "mine.pth")
    with pytest.raises(WeightsError, match=r"gone\.pth does not exist"):
        given_file(tmp_path / "gone.pth", DETECTOR.files, RESNET, hashes)


def _export(checkpoint: Path, settings: Settings, reporter: Reporter, folder: Path) -> Manifest:
    (manifest,) = carry_out(Order((Item(DETECTOR),), folder, given=checkpoint), settings, reporter)
    return manifest


def test_own_checkpoint_finds_its_network(
    make_settings: Callable[..., Settings], reporter: Reporter, mobilenet_file: Path, tmp_path: Path
) -> None:
    """The best detector is another network: which one a file is for is told by its weights."""
    mine = tmp_path / "mine.pth"
    mine.write_bytes(mobilenet_file.read_bytes())
    manifest = _export(mine, make_settings(), reporter, tmp_path / "out")
    assert (manifest.variant, manifest.custom) == (MOBILENET.variant, True)
    assert (manifest.source["label"], manifest.source["file"]) == ("mine.pth", MOBILENET.file)


def test_own_checkpoint_that_fits_no_network(
    make_settings: Callable[..., Settings], reporter: Reporter, x4plus_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointMismatch, match=r"RealESRGAN_x4plus\.pth .*Put the file that belongs to this model"):
        _export(x4plus_file, make_settings(), reporter, tmp_path / "out")
    assert not (tmp_path / "out" / "retinaface").exists()


def test_a_file_that_cannot_be_read_is_named(
    make_settings: Callable[..., Settings], mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings()
    settings.weights_dir.mkdir(parents=True)
    shutil.copy(mobilenet_file, settings.weights_dir / mobilenet_file.name)

    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(HashMemory, "sha256", refuse)
    with pytest.raises(WeightsError, match=rf"{mobilenet_file.name} cannot be read \(Permission denied\)"):
        WeightsFinder(settings).on_disk(weight_file(mobilenet_file.name))


def test_a_changed_file_is_hashed_again_though_its_time_was_put_back(tmp_path: Path) -> None:
    path, memory = tmp_path / "net.pth", HashMemory(tmp_path / "hashes.json")
    path.write_bytes(b"one")
    stat = path.stat()
    first = memory.sha256(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert memory.sha256(path) == hashlib.sha256(b"two").hexdigest() != first
