"""The registry and the models made of it agree with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

import export.architectures
from export.architectures import ARCHITECTURES, architecture, published_graph
from export.architectures.rrdbnet import Hyperparameters
from export.models import FACE_SIZE, MODELS, ModelSpec, model_spec
from export.packaged import PACKAGED
from export.registry import WEIGHTS, WeightFile, weight_file, weight_files
from export.tensors import TensorSpec
from limner.catalog import ROLES
from limner.errors import ExportError, WeightsError


def test_files_and_hashes_are_distinct() -> None:
    assert len({weight.file for weight in WEIGHTS}) == len(WEIGHTS)
    assert len({weight.sha256 for weight in WEIGHTS}) == len(WEIGHTS)


@pytest.mark.parametrize("weight", WEIGHTS, ids=lambda weight: weight.file)
def test_entry_is_complete(weight: WeightFile) -> None:
    assert weight.role in ROLES
    assert len(weight.sha256) == 64
    assert int(weight.sha256, 16)
    assert weight.size > 1_000_000
    assert weight.licence
    assert weight.urls
    assert all(url.startswith("https://") and url.endswith("/" + weight.file) for url in weight.urls)


def test_every_file_belongs_to_a_model() -> None:
    assert [weight.file for spec in MODELS for weight in spec.files if weight.model != spec.name] == []
    assert sorted(weight.file for weight in WEIGHTS) == sorted(file for spec in MODELS for file in spec.weights)


def test_every_network_is_used() -> None:
    assert {weight.architecture for weight in WEIGHTS} == set(ARCHITECTURES)


def test_every_role_has_weights() -> None:
    assert {weight.role for weight in WEIGHTS} == set(ROLES)


def test_non_commercial_weights_are_named() -> None:
    marked = {weight.model for weight in WEIGHTS if weight.non_commercial}
    assert {"codeformer", "parsenet", "gfpgan"} <= marked
    assert [weight.model for weight in WEIGHTS if weight.on_request] == ["codeformer"]


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_model_is_made_of_registered_weights(spec: ModelSpec) -> None:
    for weight in spec.files:
        assert (weight.role, weight.model) == (spec.role, spec.name)
        assert weight.architecture in ARCHITECTURES
        packaged = spec.packaged_source(weight.file)
        assert packaged is None or packaged in PACKAGED


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if not ARCHITECTURES[name].published_onnx])
def test_architecture_offers_what_is_asked_of_it(name: str) -> None:
    module = architecture(name)
    for function in ("build", "served", "seeded_state", "examples"):
        assert callable(getattr(module, function))


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if ARCHITECTURES[name].published_onnx])
def test_published_graph_offers_what_is_asked_of_it(name: str) -> None:
    module = published_graph(name)
    for function in ("served_model", "reference", "seeded_model", "examples"):
        assert callable(getattr(module, function))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sources_of_a_network_exist(name: str) -> None:
    folder = Path(export.architectures.__file__).parent
    for part in (ARCHITECTURES[name].module, *ARCHITECTURES[name].parts):
        assert (folder / f"{part}.py").is_file()


def test_names() -> None:
    assert weight_file("GFPGANv1.4") is weight_file("GFPGANv1.4.pth")
    assert [weight.file for weight in weight_files("gfpgan")] == ["GFPGANv1.4.pth", "GFPGANv1.3.pth"]
    with pytest.raises(WeightsError, match="nosuch"):
        weight_files("nosuch")


def test_unknown_model() -> None:
    with pytest.raises(ExportError, match=r"'nosuch' is no model that Limner knows\. It can export: retinaface, g"):
        model_spec("nosuch")


def test_tensors_of_a_role_are_alike() -> None:
    """The steps of the pipeline may call any model of a role."""
    for spec in MODELS:
        faces = {"face_restorer": FACE_SIZE, "parser": FACE_SIZE, "identity": 112}
        if (size := faces.get(spec.role)) is not None:
            assert spec.inputs[0] == TensorSpec("FACE", "UINT8", ("N", size, size, 3))
        assert spec.version == "1"
        assert spec.inputs[0].dtype == "UINT8"


def test_models_that_are_exported_by_default() -> None:
    by_default = {spec.name for spec in MODELS if spec.by_default}
    assert by_default == {"retinaface", "gfpgan", "parsenet", "realesrgan_x4", "realesrgan_x2", "sface"}
    assert not any(weight.on_request for spec in MODELS if spec.by_default for weight in spec.files)


@pytest.mark.parametrize(
    ("declared", "shape", "fits"),
    [
        (("N", "H", 3), (2, 5, 3), True),
        (("N", "4H", 3), (2, 20, 3), True),
        (("N", "4H", 3), (2, 10, 3), False),
        (("N", "H", 3), (2, 5, 4), False),
        (("N", "H"), (2, 5, 3), False),
        (("K", "H", 3), (7, 5, 3), True),
    ],
)
def test_shapes(declared: tuple[str | int, ...], shape: tuple[int, ...], fits: bool) -> None:
    sizes = {"N": 2, "H": 5}
    assert TensorSpec("X", "UINT8", declared).fits(shape, sizes) is fits
    assert sizes.get("K", 7) == 7


@pytest.mark.parametrize("name", ["RealESRGAN_x4plus.pth", "RealESRGAN_x2plus.pth"])
def test_seeded_layout_is_that_of_the_published_file(name: str) -> None:
    weight = weight_file(name)
    state = architecture(weight.architecture).seeded_state(0, dict(weight.layout))
    hyperparameters = Hyperparameters.of(state, weight.file)
    assert f"num_block={hyperparameters.num_block}, " in weight.published_as
    assert f"scale={hyperparameters.scale})" in weight.published_as
