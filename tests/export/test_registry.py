"""The registry and the models made of it agree with each other."""

from __future__ import annotations

import pytest

from export.architectures import ARCHITECTURES, architecture
from export.architectures.rrdbnet import Hyperparameters
from export.models import MODELS, check_precision, model_spec
from export.packaged import PACKAGED
from export.registry import WEIGHTS, weight_file, weight_files
from export.tensors import TensorSpec
from limner.catalog import ROLES
from limner.errors import ExportError, WeightsError


def test_files_and_hashes_are_distinct() -> None:
    assert len({weight.file for weight in WEIGHTS}) == len(WEIGHTS)
    assert len({weight.sha256 for weight in WEIGHTS}) == len(WEIGHTS)


@pytest.mark.parametrize("weight", WEIGHTS, ids=lambda weight: weight.file)
def test_entry_is_complete(weight) -> None:
    assert weight.role in ROLES
    assert len(weight.sha256) == 64
    assert int(weight.sha256, 16)
    assert weight.size > 1_000_000
    assert weight.licence
    assert weight.urls
    assert all(url.startswith("https://") and url.endswith("/" + weight.file) for url in weight.urls)


def test_every_role_has_weights() -> None:
    assert {weight.role for weight in WEIGHTS} == set(ROLES)


def test_non_commercial_weights_are_named() -> None:
    marked = {weight.model for weight in WEIGHTS if weight.non_commercial}
    assert {"codeformer", "parsenet", "gfpgan"} <= marked
    assert [weight.model for weight in WEIGHTS if weight.on_request] == ["codeformer"]


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_model_is_made_of_registered_weights(spec) -> None:
    for weight in spec.files:
        assert (weight.role, weight.model) == (spec.role, spec.name)
        assert weight.architecture in ARCHITECTURES
        packaged = spec.packaged_source(weight.file)
        assert packaged is None or packaged in PACKAGED


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architecture_offers_what_is_asked_of_it(name: str) -> None:
    module = architecture(name)
    for function in ("build", "served", "seeded_state", "examples"):
        assert callable(getattr(module, function))


def test_names() -> None:
    assert weight_file("GFPGANv1.4") is weight_file("GFPGANv1.4.pth")
    assert [weight.file for weight in weight_files("gfpgan")] == ["GFPGANv1.4.pth", "GFPGANv1.3.pth"]
    with pytest.raises(WeightsError, match="nosuch"):
        weight_files("nosuch")


def test_unsupported_is_said_plainly() -> None:
    with pytest.raises(ExportError, match="gfpgan is not supported by this version"):
        model_spec("gfpgan")
    with pytest.raises(ExportError, match="'nosuch' is no model"):
        model_spec("nosuch")
    with pytest.raises(ExportError, match=r"int8 is not supported.*fp32"):
        check_precision("int8")
    assert check_precision("auto") == "fp32"


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
def test_shapes(declared, shape, fits: bool) -> None:
    sizes = {"N": 2, "H": 5}
    assert TensorSpec("X", "UINT8", declared).fits(shape, sizes) is fits
    assert sizes.get("K", 7) == 7


def test_seeded_layout_is_that_of_the_published_file() -> None:
    for spec in MODELS:
        for weight in spec.files:
            network = architecture(weight.architecture)
            state = network.seeded_state(0, dict(weight.layout))
            assert network.build(state, weight.file)
            if weight.architecture == "rrdbnet":
                hyperparameters = Hyperparameters.of(state, weight.file)
                assert f"num_block={hyperparameters.num_block}, " in weight.published_as
                assert f"scale={hyperparameters.scale})" in weight.published_as
