"""Which network restores faces, with what it is given, and how many it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton

from ensemble.detect import MAX_FACES
from ensemble.paste import RestoredFaces
from ensemble.photo import UInt8
from export.models import MODELS
from serving.supervisor import Supervisor
from tests.model_repository.asking import ask, photo_facts, refusal, times_asked
from tests.model_repository.comparing import Pixels
from tests.model_repository.identity import UNAVAILABLE
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

RESTORERS = ["gfpgan", "restoreformer", "codeformer"]
INSIST: dict[str, str | float | bool] = {"enhancement_level": 1, "background": "lanczos", "preserve_identity": False}


def restored(client: triton.InferenceServerClient, photo: UInt8, **options: str | float) -> tuple[Pixels, Pixels]:
    """The faces of a photo, uint8 [N, 512, 512, 3] before and after."""
    data = np.frombuffer(encode(photo), np.uint8)
    cropped, after = ask(client, "enhance_with_faces", {"IMAGE": data}, ["CROPPED", "RESTORED"], {**INSIST, **options})
    return cropped, after


def test_the_best_is_gfpgan() -> None:
    """``auto`` takes the catalogue's first, and the catalogue has them in this order."""
    assert next(spec.name for spec in MODELS if spec.role == "face_restorer") == "gfpgan"


@pytest.mark.parametrize("wanted", ["auto", *RESTORERS, "none"])
def test_each_by_its_name(
    stand_in_client: triton.InferenceServerClient, enhance_with_stand_ins: Enhance, face: UInt8, wanted: str
) -> None:
    before = {name: times_asked(stand_in_client, name) for name in RESTORERS}
    result, report = enhance_with_stand_ins(encode(face), {**INSIST, "restorer": wanted})
    model = {"auto": "gfpgan", "none": None}.get(wanted, wanted)
    assert report["models"]["face_restorer"]["name"] == model
    asked = {name: times_asked(stand_in_client, name) - before[name] for name in RESTORERS}
    assert asked == {name: int(name == model) for name in RESTORERS}
    assert [each["restored"] for each in report["faces"]] == [model is not None]
    ours = np.asarray(decode(result))
    if wanted == "none":
        assert (ours == face).all()
        assert report["models"]["face_restorer"]["reason"] == "Switched off by restorer=none."
    else:
        assert (ours != face).any()


def test_restoreformers_face_is_pasted(stand_in_client: triton.InferenceServerClient, face: UInt8) -> None:
    cropped, after = restored(stand_in_client, face, restorer="restoreformer")
    assert (after[0, :, :300] == cropped[0, :, :300]).all()
    assert not after[0, :, 300:].any()


@pytest.mark.parametrize("fidelity", ["0", "0.3", "1", 1, 0.3], ids=repr)
def test_fidelity_reaches_codeformer(
    stand_in_client: triton.InferenceServerClient, face: UInt8, fidelity: str | float
) -> None:
    """Sent as text or as a number; the stand-in takes nothing but float32 [N, 1], and multiplies by it."""
    cropped, after = restored(stand_in_client, face, restorer="codeformer", fidelity=fidelity)
    assert len(cropped) == 1
    assert np.abs(after - cropped * np.float32(fidelity)).max() <= 0.5


def test_fidelity_by_default_and_for_others(stand_in_client: triton.InferenceServerClient, face: UInt8) -> None:
    cropped, after = restored(stand_in_client, face, restorer="codeformer")
    assert np.abs(after - cropped * 0.5).max() <= 0.5
    cropped, after = restored(stand_in_client, face, restorer="gfpgan", fidelity="0.2")
    assert (after == cropped).all()


@pytest.mark.parametrize(("restorer", "ends"), [("codeformer", True), ("restoreformer", False)])
def test_only_codeformers_face_ends_within_its_square(
    stand_in_client: triton.InferenceServerClient,
    enhance_with_stand_ins: Enhance,
    face: UInt8,
    restorer: str,
    ends: bool,
) -> None:
    """With a parser that takes all of it for skin; pasted by hand for comparison."""
    options: dict[str, str | float | bool] = {**INSIST, "enhancement_level": 2, "restorer": restorer, "fidelity": "0.3"}
    result, _ = enhance_with_stand_ins(encode(face), options)
    plain = np.asarray(cv2.resize(face, (600, 600), interpolation=cv2.INTER_LANCZOS4), np.uint8)
    (found,) = ask(stand_in_client, "detect_faces", {"PIXELS": face}, ["FACES"], options)
    faces, packed, ways_back = ask(
        stand_in_client,
        "restore_faces",
        {"PIXELS": face, "FACES": found, "PHOTO": photo_facts(stand_in_client, encode(face))},
        ["RESTORED", "FACE_PIXELS", "WAYS_BACK"],
        options,
    )
    by_hand = {}
    for ends_in_square in (True, False):
        by_hand[ends_in_square] = plain.copy()
        RestoredFaces(faces, packed, ways_back, 2, ends_in_square).paste(by_hand[ends_in_square])
    assert (by_hand[True] != by_hand[False]).any()
    assert (np.asarray(decode(result)) == by_hand[ends]).all()


@pytest.mark.parametrize(
    ("server", "restorer", "why"),
    [
        ("enhance_with_little", "codeformer", UNAVAILABLE["codeformer"]),
        ("enhance_with_little", "restoreformer", "it has not been exported"),
        ("enhance_with_identity", "codeformer", "it has not been exported"),
    ],
)
def test_what_is_not_there_is_refused_with_its_reason(
    server: str, restorer: str, why: str, face: UInt8, request: pytest.FixtureRequest
) -> None:
    enhance: Enhance = request.getfixturevalue(server)
    error = refusal(lambda: enhance(encode(face), {**INSIST, "restorer": restorer}))
    assert error.type == "invalid-option"
    assert f"restorer={restorer} is not available here: {why}" in error.message
    assert "auto or none" in error.message


@pytest.mark.parametrize("options", [{"restorer": "codeformer"}, {"background": "swinir"}], ids=repr)
def test_what_is_not_there_is_refused_before_any_work(
    identity_supervisor: Supervisor, enhance_with_identity: Enhance, face: UInt8, options: dict[str, str]
) -> None:
    """A step that refused it would wait for what others beside it have in flight."""
    with triton.InferenceServerClient(identity_supervisor.endpoint.url) as client:
        before = times_asked(client, "detect_faces")
        assert refusal(lambda: enhance_with_identity(encode(face), options)).type == "invalid-option"
        assert times_asked(client, "detect_faces") == before
    aligned, _ = enhance_with_identity(encode(face), {"aligned": "true", "background": "swinir"})
    assert aligned, "nobody is to enlarge a background here"


def test_of_too_many_faces_the_largest_are_restored(
    stand_in_client: triton.InferenceServerClient,
) -> None:
    """The steps are asked themselves: hundreds of faces take a photo of millions of pixels."""
    count = MAX_FACES + 8
    pixels = np.full((64, 64, 3), 120, np.uint8)
    sizes = np.random.default_rng(0).permutation(np.linspace(20, 40, count))
    template = np.array([0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8])
    found = np.stack([[0, 0, size, size, 0.99, *(template * size)] for size in sizes]).astype(np.float32)
    before = times_asked(stand_in_client, "gfpgan")
    given = {"PIXELS": pixels, "FACES": found, "PHOTO": photo_facts(stand_in_client, encode(pixels))}
    (facts,) = ask(stand_in_client, "restore_faces", given, ["RESTORATION"], INSIST)
    restoration = json.loads(facts[0])
    assert times_asked(stand_in_client, "gfpgan") - before == MAX_FACES
    assert restoration["too_many"] == 8
    assert restoration["restored"] == sorted(np.argsort(-sizes)[:MAX_FACES].tolist())
