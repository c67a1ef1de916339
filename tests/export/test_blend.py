"""Two checkpoints of one network blended: the formula, ``limner export --denoise``, and that the blend stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result

import export.prepare
from cli.export_command import export as command
from export.architectures import srvggnet
from export.architectures.common import StateDict
from export.blend import blend, weak_denoiser
from export.checkpoint import save_checkpoint
from export.manifest import MANIFEST_FILE
from export.order import Order, carry_out, item_called
from export.prepare import prepare
from export.registry import WEIGHTS, weight_file
from export.sources import Source
from export.weights import seeded
from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import CheckpointMismatch, DownloadFailed, WeightsError
from limner.settings import Settings, get_settings

MODEL = "realesr_general_x4v3"
FILE = "realesr-general-x4v3.pth"
WEAK_FILE = "realesr-general-wdn-x4v3.pth"
SMALL = {"num_feat": 8, "num_conv": 1}


@pytest.fixture
def states() -> tuple[StateDict, StateDict]:
    return srvggnet.seeded_state(1, SMALL), srvggnet.seeded_state(2, SMALL)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Those of the command line too: FP32, offline, anybody's weights."""
    values = {"DATA": str(tmp_path / "data"), "OFFLINE": "1", "CUSTOM_WEIGHTS": "1", "PRECISION": "fp32"}
    for name, value in values.items():
        monkeypatch.setenv(f"LIMNER_{name}", value)
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


@pytest.fixture
def on_disk(settings: Settings, states: tuple[StateDict, StateDict]) -> None:
    settings.weights_dir.mkdir(parents=True)
    for state, file in zip(states, (FILE, WEAK_FILE), strict=True):
        save_checkpoint(state, settings.weights_dir / file, "params")


def call(*arguments: object) -> Result:
    """The command, called; errors of ours come through."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def same(first: StateDict, second: StateDict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def served_as(state: StateDict, model: Path) -> bool:
    """Whether an exported model computes what the network with ``state`` does."""
    tile = np.random.default_rng(1).integers(0, 256, (1, 12, 10, 3), dtype=np.uint8)
    with torch.inference_mode():
        (exact,) = srvggnet.served(srvggnet.build(state, "test")).exact(torch.from_numpy(tile))
    (result,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"TILE": tile})
    return bool(np.abs(result - exact.numpy()).max() < 0.51)


def test_formula(states: tuple[StateDict, StateDict]) -> None:
    strong, weak = states
    for denoise in (0.5, 0.3):
        blended = blend(strong, weak, denoise, ("a", "b"))
        assert blended.keys() == strong.keys()
        for key, value in blended.items():
            assert torch.equal(value, denoise * strong[key] + (1 - denoise) * weak[key])


def test_endpoints_are_the_pure_networks(states: tuple[StateDict, StateDict]) -> None:
    strong, weak = states
    assert same(blend(strong, weak, 1.0, ("a", "b")), strong)
    assert same(blend(strong, weak, 0.0, ("a", "b")), weak)
    assert not same(strong, weak)


def test_half_precision_is_blended_in_full() -> None:
    strong, weak = ({"w": torch.tensor([value], dtype=torch.float16)} for value in (60000.0, -60000.0))
    assert blend(strong, weak, 0.75, ("a", "b"))["w"].tolist() == [30000.0]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda state: state.pop("body.1.weight"), "body.1.weight"),
        (lambda state: state.update({"more": torch.zeros(1)}), "more"),
        (lambda state: state.update({"body.2.bias": torch.zeros(9)}), "body.2.bias"),
    ],
)
def test_different_networks_are_not_blended(
    change: Callable[[StateDict], object], key: str, states: tuple[StateDict, StateDict]
) -> None:
    strong, weak = states
    change(weak)
    for pair in ((strong, weak), (weak, strong)):
        with pytest.raises(CheckpointMismatch, match=rf"a\.pth and b\.pth .* {key}\."):
            blend(*pair, 0.5, ("a.pth", "b.pth"))


def test_files_that_can_be_blended() -> None:
    known = {weight.file for weight in WEIGHTS}
    assert weak_denoiser(FILE) == WEAK_FILE
    assert {FILE, WEAK_FILE} <= known
    for file in known - {FILE}:
        with pytest.raises(WeightsError, match=rf"{file} has no second.*realesr-general-x4v3\."):
            weak_denoiser(file)


def test_source_of_a_blend() -> None:
    plain, second = seeded(weight_file(FILE), 1), seeded(weight_file(WEAK_FILE), 2)
    source = plain.blended(second, 0.25)
    assert source.label == f"{plain.label}, denoise 0.25"
    assert Source.from_manifest(json.loads(json.dumps(source.describe()))) == source
    assert same(source.load(), blend(plain.load(), second.load(), 0.25, ("a", "b")))
    others = [plain, plain.blended(second, 0.5), plain.blended(replace(second, sha256="0"), 0.25), second]
    assert all(other.identity != source.identity for other in others)


def test_published_files_blended_are_not_custom() -> None:
    published = [Source("official", file, "0", file, path=file) for file in (FILE, WEAK_FILE)]
    assert not published[0].blended(published[1], 0.5).custom
    assert published[0].blended(seeded(weight_file(WEAK_FILE), 1), 0.5).custom


def test_seeded_blend_is_exported(settings: Settings, tmp_path: Path) -> None:
    call(MODEL, "--seeded", "--denoise", "0.5", "--precision", "fp32", "--output", tmp_path / "out")
    (entry,) = Catalog.load(tmp_path / "out" / CATALOG_FILE).available("background")
    assert (entry.source, entry.custom) == ("seeded weights (seed 0), denoise 0.5", True)
    strong, weak = (srvggnet.seeded_state(seed, {}) for seed in (0, 1))
    model = tmp_path / "out" / MODEL / "1" / "model.onnx"
    assert served_as(blend(strong, weak, 0.5, ("a", "b")), model)
    assert not served_as(strong, model)


@pytest.mark.usefixtures("on_disk")
def test_blend_of_files_stays(
    settings: Settings, states: tuple[StateDict, StateDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is served as asked for, `limner serve` leaves it alone, and an update blends with the same share again."""
    call(MODEL, "--denoise", "0.25")
    folder = settings.models_dir / MODEL
    assert served_as(blend(*states, 0.25, ("a", "b")), folder / "1" / "model.onnx")
    written = (folder / MANIFEST_FILE).read_text()
    assert json.loads(written)["source"]["label"] == f"{FILE}, denoise 0.25"

    prepare(settings, models=[MODEL])
    assert (folder / MANIFEST_FILE).read_text() == written

    asked: list[Source] = []
    monkeypatch.setattr(export.prepare, "export_into", lambda store, spec, source, *others: asked.append(source))
    monkeypatch.setattr("export.fingerprint._code_digest", lambda architecture, precision: "another")
    prepare(settings, models=[MODEL])
    assert asked == [Source.from_manifest(json.loads(written)["source"])]


@pytest.mark.usefixtures("on_disk")
def test_missing_second_file_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings.weights_dir / WEAK_FILE).unlink()
    with pytest.raises(DownloadFailed, match=f"{WEAK_FILE} is not in LIMNER_WEIGHTS"):
        call(MODEL, "--denoise", "0.5")
    asked: list[str] = []
    monkeypatch.setattr("export.order.export_into", lambda store, spec, source, *others: asked.append(source.label))
    list(carry_out(Order((item_called(MODEL),), settings.models_dir, denoise=1.0), settings))
    assert asked == [FILE]


@pytest.mark.usefixtures("settings")
def test_model_without_a_second_file() -> None:
    with pytest.raises(WeightsError, match=r"RealESRGAN_x2plus\.pth has no second checkpoint"):
        call("realesrgan_x2", "--denoise", "0.5")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((MODEL, "--denoise", "1.5"), "from 0"),
        ((MODEL, "--denoise", "-0.1"), "from 0"),
        ((MODEL, "--denoise", "nan"), "from 0"),
        ((MODEL, "--denoise", "much"), "not a valid float"),
        (("--denoise", "0.5"), "exactly one MODEL"),
        (("--all", "--denoise", "0.5"), "exactly one MODEL"),
        ((MODEL, "gfpgan", "--denoise", "0.5"), "exactly one MODEL"),
        ((MODEL, "--weights", "mine.pth", "--denoise", "0.5"), "not with --all or --weights"),
    ],
)
def test_misuse_is_explained(arguments: tuple[str, ...], what: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert what in result.stderr
