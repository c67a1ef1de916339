"""The report as a response header: compact ASCII JSON within a number of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Report = dict[str, Any]

REPORT_HEADER = "Limner-Report"
REPORT_HEADER_BYTES = 4096
MAX_TEXT = 100
MAX_NOTES = 5

_FACE_KEPT = ("box", "score", "restored")
_METRICS_KEPT = ("sharpness_score", "face_quality_score", "enhancement_ratio", "identity_preservation", "usable")


def faces_of(report: Report) -> list[Any] | None:
    """The entries of the faces that were found; None where the report does not tell."""
    faces = report.get("faces")
    return faces if isinstance(faces, list) else None


def compact_report(report: Report, limit: int = REPORT_HEADER_BYTES) -> str:
    """``report`` as one line of ASCII JSON of at most ``limit`` bytes (at least 32).

    What does not fit goes in this order: the landmarks of all faces, and how their metrics came about; all of a face
    but where it is, its score and whether it was restored; long texts and notes after the fifth; faces, from the end;
    then everything but sizes and times. ``truncated`` is true once a face or more was left out.
    """
    shorter: tuple[Callable[[Report], Report], ...] = (_whole, _without_landmarks, _with_bare_faces, _with_short_texts)
    for shorten in shorter:
        report = shorten(report)
        if len(text := _dump(report)) <= limit:
            return text
    faces = report.get("faces")
    if isinstance(faces, list):
        # The length grows with the number of faces, so the most that fit are found by halving.
        low, high = -1, len(faces)
        while high - low > 1:
            middle = (low + high) // 2
            if len(_dump(_with_faces(report, middle))) <= limit:
                low = middle
            else:
                high = middle
        if low >= 0:
            return _dump(_with_faces(report, low))
    sizes: Report = {key: report[key] for key in ("input", "output", "milliseconds") if key in report}
    text = _dump({**sizes, "truncated": True})
    return text if len(text) <= limit else _dump({"truncated": True})


def _dump(report: Report) -> str:
    return json.dumps(report, ensure_ascii=True, separators=(",", ":"))


def _whole(report: Report) -> Report:
    return report


def _without_landmarks(report: Report) -> Report:
    def shorten(face: Report) -> Report:
        shorter = {key: value for key, value in face.items() if key != "landmarks"}
        if isinstance(metrics := face.get("quality_metrics"), dict):
            shorter["quality_metrics"] = {key: value for key, value in metrics.items() if key in _METRICS_KEPT}
        return shorter

    return _with_each_face(report, shorten)


def _with_bare_faces(report: Report) -> Report:
    return _with_each_face(report, lambda face: {key: face[key] for key in _FACE_KEPT if key in face})


def _with_each_face(report: Report, shorten: Callable[[Report], Report]) -> Report:
    faces = report.get("faces")
    if not isinstance(faces, list):
        return report
    return {**report, "faces": [shorten(face) if isinstance(face, dict) else face for face in faces]}


def _with_short_texts(report: Report) -> Report:
    notes = report.get("notes")
    shorter = {**report, "notes": notes[:MAX_NOTES]} if isinstance(notes, list) else report
    return {key: _short(value) for key, value in shorter.items()}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 3] + "..."
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return value


def _with_faces(report: Report, count: int) -> Report:
    kept = {**report, "faces": report["faces"][:count]}
    return {**kept, "truncated": True} if count < len(report["faces"]) else kept
