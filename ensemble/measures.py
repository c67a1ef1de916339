"""Measure a photo and its faces, once as it was sent and once as it became."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ensemble.face_quality import FaceQuality, measure_face
from ensemble.metrics import face_metrics, photo_metrics
from ensemble.photo import UInt8
from ensemble.sharpness import sharpness_score


@dataclass(frozen=True)
class Measures:
    """Of one picture: its ``sharpness``, 0..1, and the quality of each of its faces."""

    sharpness: float
    faces: tuple[FaceQuality, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Measures:
        faces = (FaceQuality(**(face | {"reasons": tuple(face["reasons"])})) for face in values["faces"])
        return Measures(values["sharpness"], tuple(faces))


def measure(
    pixels: UInt8, faces: Sequence[Mapping[str, Any]], scale: int = 1, go_on: Callable[[], None] = lambda: None
) -> Measures:
    """Measure a picture uint8 [H, W, 3] RGB.

    Args:
        pixels: the photo, enlarged ``scale`` times.
        faces: ``box`` and ``landmarks`` of each, in pixels of the photo before it was enlarged.
        scale: of the enlargement; the middle of a pixel stays the middle of what it becomes.
        go_on: called before each face, of which there may be thousands; raises where nobody waits any more.
    """

    def measured(face: Mapping[str, Any]) -> FaceQuality:
        go_on()
        box = [value * scale for value in face["box"]]
        return measure_face(pixels, box, ((np.array(face["landmarks"]) + 0.5) * scale - 0.5).astype(np.float32))

    return Measures(sharpness_score(pixels), tuple(measured(face) for face in faces))


def quality_metrics(
    before: Measures, after: Measures, likenesses: Sequence[float | None], identity_reason: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """``quality_metrics`` of the photo and of each face; docs/metrics.md.

    Args:
        before, after: of the same faces in the same order.
        likenesses: of each face to itself before; None where it was not restored or nothing compared them.
        identity_reason: why nothing did.
    """
    of_faces = [face_metrics(*measured) for measured in zip(before.faces, after.faces, likenesses, strict=True)]
    return photo_metrics(before.sharpness, after.sharpness, of_faces, identity_reason), of_faces
