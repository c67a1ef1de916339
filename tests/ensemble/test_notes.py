"""Notes, and the shift of colour that one of them is about."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from ensemble.colour import VISIBLE_SHIFT, colour_shift
from ensemble.notes import face_notes
from ensemble.photo import UInt8


def face(action: str | None = "kept", shift: float = 0.0) -> dict[str, Any]:
    identity = None if action is None else {"action": action}
    return {"restored": action != "left out", "identity": identity, "colour_shift": shift}


def test_nothing_special_is_not_noted() -> None:
    assert face_notes([], 0) == []
    assert face_notes([face(), face(None), {"restored": False}], 0) == []


def test_what_was_done_to_stay_the_same_person_is_noted() -> None:
    blended, left = face_notes([face("blended"), face("left out", 50.0), face("blended")], 0)
    assert blended.startswith("2 faces were blended")
    assert left.startswith("1 face was left as in the photo")


def test_too_many_faces_and_a_visible_shift_are_noted() -> None:
    many, shifted = face_notes([face(shift=VISIBLE_SHIFT + 1), face(shift=VISIBLE_SHIFT - 1)], 7)
    assert many.startswith("The 7 smallest of 2 faces")
    assert "1 restored face has visibly" in shifted


def test_no_change_is_no_shift(astronaut: UInt8) -> None:
    assert colour_shift(astronaut, astronaut.copy()) == 0


@pytest.mark.parametrize(("value", "expected"), [(118, 0.0), (142, 9.5), (0, 49.5)])
def test_gray_shifts_by_its_lightness(value: int, expected: float) -> None:
    gray, other = (np.full((512, 512, 3), level, np.uint8) for level in (118, value))
    assert colour_shift(gray, other) == pytest.approx(expected, abs=0.3)


def test_sharpening_alone_does_not_shift(astronaut: UInt8) -> None:
    soft = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 2), np.uint8)
    assert colour_shift(astronaut, soft) < 1
    tinted = np.clip(astronaut * (1.15, 1, 0.85), 0, 255).astype(np.uint8)
    assert colour_shift(astronaut, tinted) > VISIBLE_SHIFT
