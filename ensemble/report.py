"""The report that goes with every result: what was sent, found, used and how long it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ensemble.measures import Measures, quality_metrics
from ensemble.photo import PhotoInfo
from limner.options import Options

_INPUT_FIELDS = ("width", "height", "format", "mode", "bit_depth", "frames", "bytes")


@dataclass(frozen=True)
class OutputInfo:
    """``width`` and ``height`` in pixels, ``bytes`` of the encoded file, ``bit_depth`` per channel."""

    width: int
    height: int
    format: str
    bit_depth: int
    bytes: int


def reported_faces(
    detection: Mapping[str, Any], restoration: Mapping[str, Any], after: Measures
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """``quality_metrics`` of the photo, and the entry of each face in a report.

    Args:
        detection, restoration: facts of the steps ``detect_faces`` and ``restore_faces``.
        after: the result, measured.
    """
    restored = set(restoration["restored"])
    facts = [restoration["faces"].get(str(number), {}) for number in range(len(detection["faces"]))]
    verdicts = [fact.get("identity") for fact in facts]
    likenesses = [
        verdict["likeness"] if verdict and number in restored else None for number, verdict in enumerate(verdicts)
    ]
    reason = restoration["identity"].get("reason")
    if reason is None and not any(likeness is not None for likeness in likenesses):
        reason = "No face was restored."
    photo, faces = quality_metrics(Measures.from_json(detection["before"]), after, likenesses, reason)
    return photo, [
        {**found, "restored": number in restored, **facts[number], "quality_metrics": faces[number]}
        for number, found in enumerate(detection["faces"])
    ]


def build_report(
    info: PhotoInfo,
    output: OutputInfo,
    faces: Sequence[Mapping[str, object]],
    quality_metrics: Mapping[str, object],
    models: Mapping[str, object],
    tiles: Mapping[str, int] | None,
    milliseconds: Mapping[str, float],
    options: Options,
    notes: Sequence[str],
) -> str:
    """JSON text.

    ``faces`` are in pixels of the (upright) input; ``tiles`` tells how many a network was given and how many lay under
    faces, and is None where none was asked; ``milliseconds`` are wall-clock per step.
    """
    source = asdict(info)
    return json.dumps(
        {
            "input": {name: source[name] for name in _INPUT_FIELDS},
            "output": asdict(output),
            "faces": list(faces),
            "quality_metrics": dict(quality_metrics),
            "models": dict(models),
            "tiles": dict(tiles) if tiles is not None else None,
            "milliseconds": {step: round(value, 1) for step, value in milliseconds.items()},
            "options": asdict(options),
            "notes": list(notes),
            "truncated": False,
        },
        ensure_ascii=False,
    )
