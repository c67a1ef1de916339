"""Which network enlarges the background, and that each gets tiles that it can take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from ensemble.photo import UInt8
from tests.model_repository.asking import ask, refusal, times_asked
from tests.model_repository.identity import PAINT, UNAVAILABLE
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

COLOUR = (40, 90, 200)
NEGATIVE = (215, 165, 55)
NETWORKS = [*PAINT, "swinir_m_x4"]


def plain(height: int, width: int) -> UInt8:
    return np.full((height, width, 3), COLOUR, np.uint8)


@pytest.mark.parametrize(("network", "multiple"), [("realesrgan_x2", 2), ("swinir_m_x4", 8)])
def test_stand_ins_refuse_sides_as_the_real_networks_do(
    stand_in_client: triton.InferenceServerClient, network: str, multiple: int
) -> None:
    ask(stand_in_client, network, {"TILE": plain(2 * multiple, 16)[None]}, ["UPSCALED"])
    with pytest.raises(InferenceServerException):
        ask(stand_in_client, network, {"TILE": plain(2 * multiple + 1, 16)[None]}, ["UPSCALED"])


@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (3, 300), (257, 15)])
@pytest.mark.parametrize(
    ("background", "level", "network"),
    [
        ("auto", 1, "realesrgan_x2"),
        ("auto", 2, "realesrgan_x2"),
        ("auto", 3, "realesrgan_x4"),
        ("auto", 4, "realesrgan_x4"),
        ("realesrgan", 2, "realesrgan_x2"),
        ("realesrgan", 3, "realesrgan_x4"),
        ("swinir", 1, "swinir_m_x4"),
        ("swinir", 2, "swinir_m_x4"),
        ("swinir", 3, "swinir_m_x4"),
    ],
)
def test_each_level_and_option_has_its_network(
    stand_in_client: triton.InferenceServerClient,
    enhance_with_stand_ins: Enhance,
    shape: tuple[int, int],
    background: str,
    level: int,
    network: str,
) -> None:
    """Of any size, odd ones and single pixels too, in the size that was asked for, and by no other network."""
    before = {name: times_asked(stand_in_client, name) for name in NETWORKS}
    result, report = enhance_with_stand_ins(
        encode(plain(*shape)), {"background": background, "enhancement_level": level}
    )
    scale = 2 ** (level - 1)
    ours = np.asarray(decode(result))
    assert ours.shape == (shape[0] * scale, shape[1] * scale, 3)
    assert (ours == PAINT.get(network, NEGATIVE)).all()
    assert report["models"]["background"]["name"] == network
    asked = {name: times_asked(stand_in_client, name) - before[name] for name in NETWORKS}
    assert asked == {name: report["tiles"]["total"] if name == network else 0 for name in NETWORKS}


@pytest.mark.parametrize("shape", [(261, 37), (15, 500), (7, 9)])
def test_what_tiles_are_filled_up_with_is_cut_off_again(
    enhance_with_stand_ins: Enhance, shape: tuple[int, int]
) -> None:
    """Every pixel of the photo becomes a square in its own place, across tiles as well."""
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    result, _ = enhance_with_stand_ins(encode(photo), {"background": "swinir", "enhancement_level": 3})
    assert (np.asarray(decode(result)) == np.kron(255 - photo, np.ones((4, 4, 1), np.uint8))).all()


def test_lanczos_asks_no_network(
    stand_in_client: triton.InferenceServerClient, enhance_with_stand_ins: Enhance
) -> None:
    before = [times_asked(stand_in_client, name) for name in NETWORKS]
    result, report = enhance_with_stand_ins(encode(plain(37, 53)), {"background": "lanczos"})
    assert (np.asarray(decode(result)) == COLOUR).all()
    assert report["models"]["background"] == {"name": "lanczos", "reason": "Asked for by background=lanczos."}
    assert [times_asked(stand_in_client, name) for name in NETWORKS] == before


def test_an_aligned_face_needs_no_background(enhance_with_stand_ins: Enhance, face: UInt8) -> None:
    _, report = enhance_with_stand_ins(encode(face), {"aligned": True})
    assert report["models"]["background"]["name"] == "lanczos"
    assert report["tiles"] is None
    _, report = enhance_with_stand_ins(encode(face), {"aligned": True, "restorer": "none"})
    assert report["models"]["background"]["name"] == "realesrgan_x2"


@pytest.mark.parametrize(
    ("shape", "network"),
    [((600, 1200), "realesrgan_x2"), ((513, 8192), "realesr_general_x4v3"), ((1960, 8192), "lanczos")],
    ids=["small", "4.2 megapixels", "16 megapixels"],
)
def test_auto_takes_cheaper_networks_for_larger_photos(
    enhance_with_stand_ins: Enhance, shape: tuple[int, int], network: str
) -> None:
    photo = encode(plain(*shape), "JPEG", quality=95)
    result, report = enhance_with_stand_ins(photo, {"enhancement_level": 1})
    background = report["models"]["background"]
    assert background["name"] == network
    assert ("background=realesrgan" in background.get("reason", "")) == (network == "lanczos")
    colour = np.asarray(decode(result)).reshape(-1, 3).astype(int).mean(axis=0)
    assert np.abs(colour - PAINT.get(network, COLOUR)).max() <= 4, "JPEG"


def test_one_network_stands_in_for_the_other(enhance_with_little: Enhance) -> None:
    """Without x4plus, x2plus makes results of four times the size, too."""
    for wanted in ("auto", "realesrgan"):
        result, report = enhance_with_little(encode(plain(21, 13)), {"enhancement_level": 3, "background": wanted})
        ours = np.asarray(decode(result))
        assert report["models"]["background"]["name"] == "realesrgan_x2"
        assert ours.shape == (84, 52, 3)
        assert (ours == PAINT["realesrgan_x2"]).all()


def test_auto_without_any_network_says_why(enhance_with_identity: Enhance) -> None:
    _, report = enhance_with_identity(encode(plain(20, 20)))
    assert report["models"]["background"]["name"] == "lanczos"
    assert report["models"]["background"]["reason"]


@pytest.mark.parametrize(
    ("server", "background", "why"),
    [
        ("enhance_with_little", "swinir", UNAVAILABLE["swinir_m_x4"]),
        ("enhance_with_identity", "realesrgan", "It has not been exported."),
        ("enhance_with_identity", "swinir", "It has not been exported."),
    ],
)
def test_what_is_not_there_is_refused_with_its_reason(
    server: str, background: str, why: str, request: pytest.FixtureRequest
) -> None:
    enhance: Enhance = request.getfixturevalue(server)
    error = refusal(lambda: enhance(encode(plain(20, 20)), {"background": background}))
    assert error.type == "invalid-option"
    assert f"background={background}" in error.message
    assert why in error.message
    assert "auto or lanczos" in error.message
