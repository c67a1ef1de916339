"""Sentences about what is special in a photo and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ensemble.colour import VISIBLE_SHIFT
from ensemble.photo import PhotoInfo


def photo_notes(info: PhotoInfo, wanted: str, file_format: str) -> list[str]:
    """Of the file: ``wanted`` is the option ``output_format``, ``file_format`` what the result came out in."""
    notes = []
    if info.frames > 1:
        notes.append(f"Only the first of {info.frames} frames was used.")
    if wanted not in {"auto", file_format}:
        notes.append(f"The result is {file_format} because {wanted} cannot keep the transparency.")
    if info.bit_depth == 16 and file_format != "png":
        notes.append(f"The 16 bits per channel were reduced to 8, as {file_format} holds no more.")
    return notes


def face_notes(faces: Sequence[Mapping[str, Any]], too_many: int) -> list[str]:
    """Of the faces, as the report has them; ``too_many`` were not restored because there are so many."""
    notes = []
    if too_many:
        notes.append(f"The {too_many} smallest of {len(faces)} faces were not restored: there are too many.")
    actions = [face["identity"]["action"] for face in faces if face.get("identity")]
    if blended := actions.count("blended"):
        notes.append(
            f"{_faces(blended)} blended with the photo to stay the same person; "
            "preserve_identity=false switches that off."
        )
    if left_out := actions.count("left out"):
        notes.append(
            f"{_faces(left_out)} left as in the photo, for restored it would be another person; "
            "preserve_identity=false insists."
        )
    shifted = sum(bool(face["restored"]) and face["colour_shift"] > VISIBLE_SHIFT for face in faces)
    if shifted:
        notes.append(f"The mean colour of {shifted} restored face{'s' if shifted > 1 else ''} has visibly shifted.")
    return notes


def _faces(count: int) -> str:
    return "1 face was" if count == 1 else f"{count} faces were"
