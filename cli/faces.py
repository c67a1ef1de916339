"""The single faces of a photo: as files in the folders of GFPGAN's script, and as lines of text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.report import Report
from gateway.triton import UInt8

FACE_FOLDERS = ("cropped_faces", "restored_faces", "cmp")
"""Faces as they were, as they are, and both side by side."""

_MOST_LINES = 10


def face_name(photo: str, number: int, ending: str = "") -> str:
    """``NAME_00.png``; ``ending`` is empty, or an underscore and a suffix."""
    return f"{photo}_{number:02d}{ending}.png"


def face_files(folder: Path, photo: str, ending: str, before: UInt8, after: UInt8) -> Iterator[tuple[Path, bytes]]:
    """Paths and contents as ``inference_gfpgan.py`` writes them; only restored faces bear the ``ending``.

    Args:
        folder: the one that has or gets ``FACE_FOLDERS``.
        photo: name of the photo, without its extension.
        ending: empty, or an underscore and a suffix.
        before: aligned faces, uint8 [F, H, W, 3] RGB.
        after: the same faces restored, in the same order.
    """
    cropped, restored, both = (folder / name for name in FACE_FOLDERS)
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        plain = face_name(photo, number)
        yield cropped / plain, _png(old)
        yield restored / face_name(photo, number, ending), _png(new)
        yield both / plain, _png(np.concatenate((old, new), axis=1))


def _png(pixels: UInt8) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def face_lines(report: Report) -> list[str]:
    """A line for each face of a report, of many for the first ten."""
    faces = report["faces"]
    lines = [_line(number, face) for number, face in enumerate(faces[:_MOST_LINES], 1)]
    if len(faces) > _MOST_LINES:
        lines.append(f"and {len(faces) - _MOST_LINES} more faces")
    return lines


def _line(number: int, face: Report) -> str:
    left, top, right, bottom = (round(edge) for edge in face["box"])
    place = f"{right - left}x{bottom - top} at {left},{top}"
    return ", ".join([f"face {number}: {place}", "restored" if face["restored"] else "not restored", *_facts(face)])


def _facts(face: Report) -> Iterator[str]:
    """What an operator looks at first; the report has the rest."""
    if face.get("score") is not None:
        yield f"score {face['score']:.3g}"
    if identity := face.get("identity"):
        yield f"likeness {identity['likeness']:.2f} ({identity['action']})"
    if metrics := face.get("quality_metrics"):
        yield f"quality {metrics['before']['face_quality_score']:.2f} -> {metrics['face_quality_score']:.2f}"
        reasons = metrics["reasons"]["after"]
        yield f"not usable: {' '.join(reasons)}" if reasons else "usable"
