"""Which network enlarges a background."""

from __future__ import annotations

import pytest

from ensemble.backgrounds import BACKGROUND_NETWORKS, Budget, choose_background
from export.models import model_spec
from limner.catalog import CatalogEntry
from limner.errors import InvalidOption

BUDGET = Budget(1_000_000, 3_000_000)
SMALL = 100_000


def served(*models: str, precision: str = "fp32") -> dict[str, CatalogEntry]:
    return {name: CatalogEntry("background", name, name, available=True, precision=precision) for name in models}


def chosen(wanted: str, scale: int, pixels: int, models: dict[str, CatalogEntry]) -> str | None:
    network = choose_background(wanted, scale, pixels, models, {}, BUDGET).network
    return network.model if network else None


@pytest.mark.parametrize(
    ("wanted", "scale", "models", "model"),
    [
        ("auto", 1, ("realesrgan_x4", "realesrgan_x2"), "realesrgan_x2"),
        ("auto", 2, ("realesrgan_x4", "realesrgan_x2"), "realesrgan_x2"),
        ("auto", 4, ("realesrgan_x4", "realesrgan_x2"), "realesrgan_x4"),
        ("auto", 8, ("realesrgan_x4", "realesrgan_x2"), "realesrgan_x4"),
        ("auto", 2, ("realesrgan_x4",), "realesrgan_x4"),
        ("auto", 4, ("realesrgan_x2",), "realesrgan_x2"),
        ("auto", 2, ("realesr_general_x4v3", "realesrgan_x4"), "realesrgan_x4"),
        ("auto", 2, ("swinir_l_x4", "realesr_general_x4v3"), "realesr_general_x4v3"),
        ("auto", 2, ("swinir_l_x4",), None),
        ("realesrgan", 2, ("realesrgan_x2", "realesrgan_x4"), "realesrgan_x2"),
        ("swinir", 2, ("realesrgan_x2", "swinir_m_x4", "swinir_l_x4"), "swinir_l_x4"),
        ("swinir", 4, ("swinir_m_x4",), "swinir_m_x4"),
        ("lanczos", 4, ("realesrgan_x4",), None),
    ],
)
def test_by_name_scale_and_what_is_there(wanted: str, scale: int, models: tuple[str, ...], model: str | None) -> None:
    assert chosen(wanted, scale, SMALL, served(*models)) == model


def test_auto_spends_what_a_network_costs() -> None:
    models = served("realesrgan_x4", "realesrgan_x2", "realesr_general_x4v3")
    assert chosen("auto", 4, 900_000, models) == "realesrgan_x4"
    assert chosen("auto", 4, 2_000_000, models) == "realesrgan_x2", "a quarter of the cost"
    assert chosen("auto", 4, 9_000_000, models) == "realesr_general_x4v3"
    assert chosen("auto", 4, 40_000_000, models) is None
    assert chosen("realesrgan", 4, 40_000_000, models) == "realesrgan_x4", "asked for by name"


def test_auto_gives_int8_more_pixels() -> None:
    assert chosen("auto", 4, 2_000_000, served("realesrgan_x4")) is None
    assert chosen("auto", 4, 2_000_000, served("realesrgan_x4", precision="int8")) == "realesrgan_x4"


def test_no_budget_is_no_limit() -> None:
    choice = choose_background("auto", 4, 10**9, served("realesrgan_x4"), {}, Budget(0, 0))
    assert choice.network is not None


def test_reasons() -> None:
    over = choose_background("auto", 4, 50_000_000, served("realesrgan_x4"), {}, BUDGET)
    assert "50.0 megapixels" in (over.reason or "")
    assert "background=realesrgan" in (over.reason or "")
    nothing = choose_background("auto", 4, SMALL, {}, {"realesrgan_x4": "It is not there."}, BUDGET)
    assert nothing.reason == "It is not there."
    with pytest.raises(InvalidOption, match=r"background=swinir .*not been exported.*auto or lanczos"):
        choose_background("swinir", 4, SMALL, served("realesrgan_x4"), {}, BUDGET)


@pytest.mark.parametrize("network", BACKGROUND_NETWORKS, ids=lambda network: network.model)
def test_declared_as_exported(network: object) -> None:
    spec = model_spec(network.model)  # type: ignore[attr-defined]
    assert spec.role == "background"
    assert spec.outputs[0].shape[1] == f"{network.scale}H"  # type: ignore[attr-defined]
