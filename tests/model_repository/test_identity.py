"""``preserve_identity``: a restored face is kept, blended or left out, each by its own likeness."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton

from ensemble.align import Float64
from ensemble.colour import colour_shift
from ensemble.photo import UInt8
from tests.model_repository.asking import ask
from tests.model_repository.comparing import inside
from tests.model_repository.identity import RADIANS_A_LEVEL
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

SAME_SIZE: dict[str, str | int] = {"enhancement_level": 1, "background": "lanczos"}
ACTIONS = {"kept": 1.0, "left out": 0.3, "blended": 0.6}
"""What becomes of the portrait in which light; the restorer brightens it by 0, 100 and 40 levels."""

BLENDED = "1 face was blended with the photo to stay the same person; preserve_identity=false switches that off."
LEFT_OUT = "1 face was left as in the photo, for restored it would be another person; preserve_identity=false insists."


def likeness(levels: float) -> float:
    """Of a face to itself, brighter."""
    return math.cos(levels * RADIANS_A_LEVEL)


def in_light(face: UInt8, action: str) -> UInt8:
    return np.asarray(np.rint(face * ACTIONS[action]), np.uint8)


def changes(ours: UInt8, photo: UInt8, face: dict[str, Any], scale: int = 1) -> Float64:
    """How much brighter the middle of a face has become: float [h, w, 3]."""
    left, top, right, bottom = face["box"]
    x, y = (right - left) / 4, (bottom - top) / 4
    part = inside((left + x, top + y, right - x, bottom - y), ours, scale)
    return np.asarray(ours[part].astype(float) - photo[part])


@pytest.fixture(scope="module")
def company(face: UInt8) -> UInt8:
    """uint8 [300, 900, 3]: the portrait in three lights, side by side in the order of ``ACTIONS``."""
    return np.hstack([in_light(face, action) for action in ACTIONS])


def test_who_has_not_changed_is_kept(enhance_with_stand_ins: Enhance, face: UInt8) -> None:
    result, report = enhance_with_stand_ins(encode(face), SAME_SIZE)
    (found,) = report["faces"]
    assert found["restored"]
    assert found["identity"] == {"likeness": pytest.approx(1, abs=1e-3), "action": "kept", "share_of_input": 0.0}
    assert found["quality_metrics"]["identity_preservation"] == found["identity"]["likeness"]
    assert report["quality_metrics"]["identity_preservation"] == found["identity"]["likeness"]
    assert report["quality_metrics"]["identity_reason"] is None
    assert report["models"]["identity"]["name"] == "sface"
    assert report["notes"] == []
    ours = np.asarray(decode(result))
    assert (ours != face).any(), "nothing was pasted"
    assert abs(changes(ours, face, found).mean()) < 1


def test_who_has_changed_is_blended_until_the_likeness_passes(
    enhance_with_stand_ins: Enhance, stand_in_client: triton.InferenceServerClient, face: UInt8
) -> None:
    """By 40 levels, and by 30 with a quarter of the photo's face: too much. By 20, with a half of it: not."""
    photo = in_light(face, "blended")
    assert likeness(40) < likeness(30) < 0.363 < likeness(20)
    result, report = enhance_with_stand_ins(encode(photo), SAME_SIZE)
    (found,) = report["faces"]
    assert found["restored"]
    assert found["identity"] == {
        "likeness": pytest.approx(likeness(20), abs=0.005), "action": "blended", "share_of_input": 0.5
    }  # fmt: skip
    assert report["quality_metrics"]["identity_preservation"] == found["identity"]["likeness"]
    assert BLENDED in report["notes"]
    change = changes(np.asarray(decode(result)), photo, found)
    assert change.mean() == pytest.approx(20, abs=1)
    data = np.frombuffer(encode(photo), np.uint8)
    cropped, restored = ask(stand_in_client, "enhance_with_faces", {"IMAGE": data}, ("CROPPED", "RESTORED"), SAME_SIZE)
    assert len(cropped) == 1
    assert (restored.astype(int) - cropped == 20).all(), "what is pasted is the blend"
    assert found["colour_shift"] == pytest.approx(colour_shift(cropped[0], restored[0]), abs=0.01), "of what is pasted"


@pytest.mark.parametrize("level", [1, 3])
def test_who_is_another_is_left_as_in_the_photo(enhance_with_stand_ins: Enhance, face: UInt8, level: int) -> None:
    photo = in_light(face, "left out")
    assert max(likeness(100 * (1 - share)) for share in (0, 0.25, 0.5, 0.75)) < 0.363
    result, report = enhance_with_stand_ins(encode(photo), {"enhancement_level": level, "background": "lanczos"})
    scale = report["output"]["width"] // 300
    plain = photo if scale == 1 else cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4)
    assert (np.asarray(decode(result)) == plain).all()
    (found,) = report["faces"]
    assert not found["restored"]
    assert found["identity"] == {
        "likeness": pytest.approx(likeness(100), abs=0.005), "action": "left out", "share_of_input": 1.0
    }  # fmt: skip
    assert found["quality_metrics"]["identity_preservation"] is None
    assert report["quality_metrics"]["identity_preservation"] is None
    assert report["quality_metrics"]["identity_reason"] == "No face was restored."
    assert report["notes"] == [LEFT_OUT]


@pytest.mark.parametrize(("action", "levels"), [("blended", 40), ("left out", 100)])
def test_whoever_insists_gets_the_restored_face(
    enhance_with_stand_ins: Enhance, face: UInt8, action: str, levels: int
) -> None:
    """And still hears how little it resembles."""
    photo = in_light(face, action)
    result, report = enhance_with_stand_ins(encode(photo), {**SAME_SIZE, "preserve_identity": False})
    (found,) = report["faces"]
    assert found["restored"]
    assert found["identity"]["share_of_input"] == 0
    assert found["identity"]["likeness"] == pytest.approx(likeness(levels), abs=0.005)
    assert found["quality_metrics"]["identity_preservation"] == found["identity"]["likeness"]
    assert changes(np.asarray(decode(result)), photo, found).mean() == pytest.approx(levels, abs=1)
    assert not {BLENDED, LEFT_OUT} & set(report["notes"])


def test_each_face_has_a_verdict_of_its_own(enhance_with_stand_ins: Enhance, company: UInt8) -> None:
    result, report = enhance_with_stand_ins(encode(company), SAME_SIZE)
    ours = np.asarray(decode(result))
    by_place = sorted(report["faces"], key=lambda face: face["box"][0])
    assert [face["identity"]["action"] for face in by_place] == list(ACTIONS)
    assert [face["restored"] for face in by_place] == [True, False, True]
    for face, added in zip(by_place, (0, 0, 20), strict=True):
        assert changes(ours, company, face).mean() == pytest.approx(added, abs=1)
    assert (ours[:, 300:600] == company[:, 300:600]).all()
    assert {BLENDED, LEFT_OUT} <= set(report["notes"])
    values = [face["quality_metrics"]["identity_preservation"] for face in by_place]
    assert values == [pytest.approx(1, abs=1e-3), None, pytest.approx(likeness(20), abs=0.005)]
    mean = report["quality_metrics"]["identity_preservation"]
    assert mean == pytest.approx((values[0] + values[2]) / 2, abs=0.01), "of those that were compared"


@pytest.mark.parametrize(("action", "added"), [("kept", 0), ("blended", 20), ("left out", 0)])
def test_aligned_faces_too(enhance_with_stand_ins: Enhance, face: UInt8, action: str, added: int) -> None:
    photo = in_light(np.asarray(cv2.resize(face[20:220, 44:244], (512, 512))), action)
    result, report = enhance_with_stand_ins(encode(photo), {"aligned": True, "enhancement_level": 1})
    (found,) = report["faces"]
    assert found["identity"]["action"] == action
    assert found["restored"] == (action != "left out")
    assert (np.asarray(decode(result)) == photo + added).all()
    metric = report["quality_metrics"]["identity_preservation"]
    assert metric == (None if action == "left out" else found["identity"]["likeness"])


def test_without_a_network_that_tells_faces_apart_nothing_is_held_back(
    enhance_with_identity: Enhance, face: UInt8
) -> None:
    result, report = enhance_with_identity(encode(face), {**SAME_SIZE, "restorer": "restoreformer"})
    (found,) = report["faces"]
    assert found["restored"]
    assert found["identity"] is None
    assert found["quality_metrics"]["identity_preservation"] is None
    assert report["quality_metrics"]["identity_preservation"] is None
    assert report["quality_metrics"]["identity_reason"] == report["models"]["identity"]["reason"] != ""
    assert report["models"]["identity"]["name"] is None
    assert changes(np.asarray(decode(result)), face, found)[..., 2].mean() < -50, "orange"


def test_random_weights_judge_nobody(enhance_with_little: Enhance, face: UInt8) -> None:
    photo = in_light(face, "left out")
    result, report = enhance_with_little(encode(photo), SAME_SIZE)
    (found,) = report["faces"]
    assert found["restored"]
    assert found["identity"] is None
    assert changes(np.asarray(decode(result)), photo, found).mean() == pytest.approx(100, abs=1)
    assert "random weights" in report["quality_metrics"]["identity_reason"]
    assert report["models"]["identity"]["name"] is None


def test_no_face_to_compare(enhance_with_stand_ins: Enhance) -> None:
    _, report = enhance_with_stand_ins(encode(np.full((40, 50, 3), 90, np.uint8)), SAME_SIZE)
    assert report["quality_metrics"]["identity_preservation"] is None
    assert report["quality_metrics"]["identity_reason"] == "No face was restored."
    assert report["notes"] == []
