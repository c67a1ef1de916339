"""Pick faces out of the detector's candidates.

Follows facexlib 0.3.0 (``RetinaFace.detect_faces``, ``FaceRestoreHelper.get_face_landmarks_5``) with the thresholds
that GFPGANer uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.align import FACE_SIZE, TEMPLATE
from ensemble.photo import Float32, UInt8

SCORE_THRESHOLD = 0.97
NMS_IOU = 0.4
MIN_EYE_DISTANCE = 5.0
"""Pixels between the eyes below which a face is left alone."""

MAX_FACES = 512
"""Faces of one photo that are restored, so that memory is bounded; of more the largest are."""

MIN_SIDE = 16
"""Pixels below which a picture can hold no face of that eye distance, and the detector's maps would be empty."""


@dataclass(frozen=True)
class Faces:
    """N faces, best score first.

    Attributes:
        boxes: float32 [N, 4], x0, y0, x1, y1 in pixels.
        scores: float32 [N], 0..1; not a number where nothing was detected because the photo is a face.
        landmarks: float32 [N, 5, 2], x, y of left eye, right eye, nose, left and right corner of the mouth, as seen.
    """

    boxes: Float32
    scores: Float32
    landmarks: Float32

    def __len__(self) -> int:
        return len(self.scores)

    def to_json(self) -> list[dict[str, object]]:
        """Rounded for a report: a tenth of a pixel, four decimals of a score."""
        return [
            {
                "box": [round(float(value), 1) for value in box],
                "score": None if math.isnan(score) else round(float(score), 4),
                "landmarks": [[round(float(value), 1) for value in point] for point in points],
            }
            for box, score, points in zip(self.boxes, self.scores, self.landmarks, strict=True)
        ]


NO_FACES = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def select_faces(boxes: Float32, scores: Float32, landmarks: Float32) -> Faces:
    """Threshold, suppress overlaps, drop the tiniest; and what is not finite, as networks in FP16 may give it.

    Args:
        boxes: float32 [K, 4], candidates in any order.
        scores: float32 [K].
        landmarks: float32 [K, 10], x, y pairs.
    """
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=1)
    sure = np.flatnonzero((scores > SCORE_THRESHOLD) & finite)
    order = sure[np.argsort(-scores[sure], kind="stable")]
    order = order[suppress_overlaps(boxes[order], NMS_IOU)]
    points = landmarks[order].reshape(-1, 5, 2)
    eye_distance = np.linalg.norm(points[:, 0] - points[:, 1], axis=1)
    order, points = order[eye_distance >= MIN_EYE_DISTANCE], points[eye_distance >= MIN_EYE_DISTANCE]
    return Faces(boxes[order], scores[order], points)


def suppress_overlaps(boxes: Float32, iou: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression; indices kept of ``boxes`` float32 [K, 4], which come best first.

    Areas count their border pixels (``x1 - x0 + 1``), as facexlib's ``py_cpu_nms`` does.
    """
    left, top, right, bottom = boxes.T.astype(np.float64) if len(boxes) else np.zeros((4, 0))
    areas = (right - left + 1) * (bottom - top + 1)
    remaining = np.arange(len(boxes))
    kept: list[int] = []
    while remaining.size:
        best, others = remaining[0], remaining[1:]
        kept.append(int(best))
        width = np.minimum(right[best], right[others]) - np.maximum(left[best], left[others]) + 1
        height = np.minimum(bottom[best], bottom[others]) - np.maximum(top[best], top[others]) + 1
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        remaining = others[shared <= iou * (areas[best] + areas[others] - shared)]
    return np.array(kept, dtype=np.intp)


def center_face(boxes: Float32, width: int, height: int) -> int:
    """Index of the box, of float32 [N, 4] with N ≥ 1, whose centre is nearest to that of the picture.

    Follows facexlib's ``get_center_face``.
    """
    middle = np.array([width / 2, height / 2])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return int(np.linalg.norm(centres - middle, axis=1).argmin())


def numbers_to_restore(
    found: Float32, width: int, height: int, *, only_center_face: bool, most: int = MAX_FACES
) -> list[int]:
    """Which of the faces found are to be restored, by number and in order.

    Args:
        found: float32 [N, 15], box, score and landmarks of each.
        width, height: of the picture.
        only_center_face: just the one nearest to the middle.
        most: where there are more faces, the largest.
    """
    if only_center_face and len(found):
        return [center_face(found[:, :4], width, height)]
    if len(found) <= most:
        return list(range(len(found)))
    areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    return sorted(np.argsort(-areas, kind="stable")[:most].tolist())


def detection_scale(width: int, height: int, max_pixels: int) -> float:
    """Factor to shrink a picture by before detection so that it has at most ``max_pixels``; 1.0 where it has not more.

    Upstream detects at the original size whatever it is, and needs gigabytes for a large photo.
    """
    return min(1.0, math.sqrt(max_pixels / (width * height)))


def scale_faces(faces: Faces, factor: float) -> Faces:
    """The same faces in a picture ``factor`` times as large."""
    return Faces(faces.boxes * np.float32(factor), faces.scores, faces.landmarks * np.float32(factor))


def aligned_face(width: int, height: int) -> Faces:
    """A picture that was sent as an aligned face, as the one face in it; its score is not a number."""
    points = TEMPLATE * (width / FACE_SIZE, height / FACE_SIZE)
    box = np.array([[0, 0, width, height]], np.float32)
    return Faces(box, np.array([np.nan], np.float32), points[None].astype(np.float32))


def is_detectable(pixels: UInt8) -> bool:
    """Whether a picture is large enough to be given to the detector."""
    return min(pixels.shape[:2]) >= MIN_SIDE
