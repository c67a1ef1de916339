"""How good a face in a photo is for recognition: measurable parts in the spirit of ISO/IEC 29794-5.

A face is measured as a restorer sees it, turned upright and brought to one size, so that it compares with the same
face in an enlarged photo. Definitions, ranges and what they are worth: docs/metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ensemble.align import TEMPLATE, Float64, alignment
from ensemble.photo import Float32, UInt8
from ensemble.sharpness import resolved_share

FULL_EYE_DISTANCE = 90.0
"""Pixels between the eyes that ISO/IEC 19794-5 and ICAO ask for; sharpness is 1 where all of them show detail."""

ORDINARY_SHARE = 0.6
"""Part of its pixels that an ordinary sharp photo resolves."""

MIN_EFFECTIVE = FULL_EYE_DISTANCE * ORDINARY_SHARE
"""Effective pixels between the eyes of a usable face. Only these count: those of the file can be had by enlarging."""

MIN_PART = 0.5
MIN_VISIBLE = 0.9

_TOP, _BOTTOM, _LEFT, _RIGHT = 120, 472, 96, 416
"""The part of an aligned face that is looked at: brows to chin, ear to ear."""

_STEP = 4
_ROWS, _COLUMNS = np.mgrid[_TOP:_BOTTOM:_STEP, _LEFT:_RIGHT:_STEP]
_HEAD = np.hypot((_COLUMNS - 256) / 150, (_ROWS - 290) / 180) < 1
_SKIN = np.hypot((_COLUMNS - 256) / 100, (_ROWS - 300) / 120) < 1

_NOSE_DEPTH = 0.4
"""How far the tip of a nose stands out of the plane of eyes and mouth, in eye distances."""


@dataclass(frozen=True)
class FaceQuality:
    """One face of one photo.

    Attributes:
        sharpness_score: 0..1, effective eye distance as a part of 90 pixels.
        face_quality_score: 0..1, sharpness, exposure, contrast, pose and visible multiplied.
        inter_eye_distance: pixels of the photo.
        effective_eye_distance: pixels that would hold as much detail, at most ``inter_eye_distance``.
        exposure: 0..1, 1 where skin is neither too dark nor too bright.
        contrast: 0..1, 1 where the face covers enough gray levels.
        pose: 0..1, 1 for a face that looks straight into the camera.
        visible: 0..1, part of the face that lies inside the photo.
        reasons: what is not good enough: ``eyes-too-close``, ``blurred``, ``too-dark``, ``too-bright``,
            ``low-contrast``, ``turned``, ``cut-off``.
    """

    sharpness_score: float
    face_quality_score: float
    inter_eye_distance: float
    effective_eye_distance: float
    exposure: float
    contrast: float
    pose: float
    visible: float
    reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing is wrong with the face."""
        return not self.reasons


NOT_MEASURABLE = FaceQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ("eyes-too-close", "cut-off"))
"""A face outside the photo, or with landmarks that make no face."""


def measure_face(pixels: UInt8, box: Sequence[float] | Float32, landmarks: Float32) -> FaceQuality:
    """Measure a face; ``NOT_MEASURABLE`` where there is none.

    Args:
        pixels: uint8 [H, W, 3], RGB, the whole photo.
        box: x0, y0, x1, y1 in pixels.
        landmarks: float32 [5, 2], x, y in pixels of left eye, right eye, nose, left and right corner of the mouth, as
            seen.
    """
    if not np.isfinite(landmarks).all():
        return NOT_MEASURABLE
    matrix = alignment(landmarks)
    luma = None if matrix is None else _upright_luma(pixels, matrix)
    if matrix is None or luma is None:
        return NOT_MEASURABLE
    inside = _inside(matrix, *pixels.shape[:2])
    skin = luma[::_STEP, ::_STEP][_SKIN & inside]
    if not skin.size:
        return NOT_MEASURABLE
    distance = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    effective = min(distance, distance * _scale(matrix) * resolved_share(luma))
    sharpness = min(1.0, effective / FULL_EYE_DISTANCE)
    brightness, exposure = float(np.median(skin)), _exposure(skin)
    contrast = _ramp(float(np.subtract(*np.percentile(skin, (95, 5)))), 10, 50)
    pose = pose_score(landmarks)
    visible = min(float(inside[_HEAD].mean()), _share_inside(box, *pixels.shape[:2]))
    wrong = {
        "eyes-too-close": distance < MIN_EFFECTIVE,
        "blurred": effective < (MIN_EFFECTIVE if distance >= MIN_EFFECTIVE else distance * ORDINARY_SHARE),
        "too-dark": exposure < MIN_PART and brightness < 128,
        "too-bright": exposure < MIN_PART and brightness >= 128,
        "low-contrast": contrast < MIN_PART,
        "turned": pose < MIN_PART,
        "cut-off": visible < MIN_VISIBLE,
    }
    return FaceQuality(
        sharpness_score=sharpness,
        face_quality_score=sharpness * exposure * contrast * pose * visible,
        inter_eye_distance=distance,
        effective_eye_distance=effective,
        exposure=exposure,
        contrast=contrast,
        pose=pose,
        visible=visible,
        reasons=tuple(reason for reason, is_wrong in wrong.items() if is_wrong),
    )


def pose_score(landmarks: Float32) -> float:
    """How straight a face looks into the camera: 0..1 of landmarks float32 [5, 2].

    Angles come from where the nose lies between eyes and mouth: 1 up to 10 degrees of roll and yaw and 20 of pitch,
    which a smile resembles; 0 from 60 degrees of one of them; multiplied in between.
    """
    left, right, nose, mouth_left, mouth_right = landmarks.astype(np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    distance = float(np.linalg.norm(right - left))
    if distance < 1e-6:
        return 0.0
    across = (right - left) / distance
    down = np.array([-across[1], across[0]])
    height, nose_height = float((mouth - eyes) @ down), float((nose - eyes) @ down)
    if height <= 0.1 * distance:
        return 0.0
    part = nose_height / height
    aside = float((nose - eyes - part * (mouth - eyes)) @ across)
    yaw = math.atan2(aside, _NOSE_DEPTH * distance)
    pitch = math.atan2((part - _TEMPLATE_PART) * height, _NOSE_DEPTH * distance)
    roll = math.atan2(across[1], across[0])
    scores = (_ramp(math.degrees(abs(angle)), 60, free) for angle, free in ((yaw, 10), (pitch, 20), (roll, 10)))
    return math.prod(scores)


def _ramp(value: float, zero: float, one: float) -> float:
    """0 at ``zero``, 1 at ``one``, linear between them and level beyond."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))


def _part_of_nose(template: Float64) -> float:
    """Where the nose lies on the way from the eyes (0) to the mouth (1)."""
    eyes, nose, mouth = template[:2, 1].mean(), template[2, 1], template[3:, 1].mean()
    return float((nose - eyes) / (mouth - eyes))


_TEMPLATE_PART = _part_of_nose(TEMPLATE)


def _exposure(skin: UInt8) -> float:
    """1 where the median of luma lies in 60..200, 0 below 20 or above 245; less what is pure black or white."""
    brightness = float(np.median(skin))
    lost = float(np.mean((skin <= 3) | (skin >= 252)))
    return min(_ramp(brightness, 20, 60), _ramp(brightness, 245, 200)) * (1 - lost)


def _scale(matrix: Float64) -> float:
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def _upright_luma(pixels: UInt8, matrix: Float64) -> UInt8 | None:
    """The face upright and of one size: luma uint8 [352, 320]; None where it lies outside the photo."""
    height, width = pixels.shape[:2]
    corners = np.array([[x, y, 1.0] for x in (_LEFT, _RIGHT) for y in (_TOP, _BOTTOM)])
    there = corners @ cv2.invertAffineTransform(matrix).T
    x0, y0 = np.clip(np.floor(there.min(axis=0)) - 8, 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(there.max(axis=0)) + 8, 0, (width, height)).astype(int)
    if x0 >= x1 or y0 >= y1:
        return None
    patch, scale = pixels[y0:y1, x0:x1], _scale(matrix)
    to_photo = np.array([[1.0, 0, x0], [0, 1.0, y0], [0, 0, 1.0]])
    if scale < 0.75:  # shrunk by means first: interpolation would pick out single pixels
        size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
        step = np.array([(x1 - x0) / size[0], (y1 - y0) / size[1]])
        to_photo = to_photo @ np.array([[step[0], 0, step[0] / 2 - 0.5], [0, step[1], step[1] / 2 - 0.5], [0, 0, 1]])
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    shifted = matrix @ to_photo
    shifted[:, 2] -= (_LEFT, _TOP)
    luma = cv2.cvtColor(np.ascontiguousarray(patch), cv2.COLOR_RGB2GRAY)
    size = (_RIGHT - _LEFT, _BOTTOM - _TOP)
    upright = cv2.warpAffine(luma, shifted, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(upright, np.uint8)


def _inside(matrix: Float64, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Which points of the grid on the face lie inside a photo."""
    points = np.stack([_COLUMNS, _ROWS, np.ones_like(_ROWS)], axis=-1)
    x, y = np.moveaxis(points @ cv2.invertAffineTransform(matrix).T, -1, 0)
    return np.asarray((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5))


def _share_inside(box: Sequence[float] | Float32, height: int, width: int) -> float:
    """Part of a box's area that lies inside a photo; 0 of a box without area."""
    x0, y0, x1, y1 = (float(value) for value in box)
    area = max(0.0, x1 - x0) * max(0.0, y1 - y0)
    if not (math.isfinite(area) and area > 0):
        return 0.0
    seen = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
    return seen / area
