"""The report that goes with every result: what was sent, found, used and how long it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

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


def build_report(
    info: PhotoInfo,
    output: OutputInfo,
    faces: Sequence[Mapping[str, object]],
    models: Mapping[str, object],
    milliseconds: Mapping[str, float],
    options: Options,
    notes: Sequence[str],
) -> str:
    """JSON text; ``milliseconds`` are wall-clock per step, ``faces`` are in pixels of the (upright) input."""
    source = asdict(info)
    return json.dumps(
        {
            "input": {name: source[name] for name in _INPUT_FIELDS},
            "output": asdict(output),
            "faces": list(faces),
            "models": dict(models),
            "milliseconds": {step: round(value, 1) for step, value in milliseconds.items()},
            "options": asdict(options),
            "notes": list(notes),
            "truncated": False,
        },
        ensure_ascii=False,
    )
