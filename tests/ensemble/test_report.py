"""The report: valid JSON with all its fields."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ensemble.photo import PhotoInfo
from ensemble.report import OutputInfo, build_report
from limner.options import Options

INFO = PhotoInfo(64, 48, "png", "RGBA", 16, 3, 12345, gray=False, opaque=False)
OUTPUT = OutputInfo(128, 96, "png", 16, 54321)


def report(**changes: Any) -> str:
    whole: dict[str, Any] = {
        "info": INFO,
        "output": OUTPUT,
        "faces": [{"box": [1.0, 2.0, 3.0, 4.0], "score": 0.99}],
        "models": {"detector": {"name": None, "reason": "No weights: “请” see the README."}},
        "quality_metrics": {"sharpness_score": 0.5},
        "tiles": None,
        "milliseconds": {"decode": 1.23456, "total": 9},
        "options": Options(quality=80),
        "notes": ("Only the first of 3 frames was used.",),
    }
    return build_report(**{**whole, **changes})


def test_fields() -> None:
    assert json.loads(report()) == {
        "input": {
            "width": 64,
            "height": 48,
            "format": "png",
            "mode": "RGBA",
            "bit_depth": 16,
            "frames": 3,
            "bytes": 12345,
        },
        "output": {"width": 128, "height": 96, "format": "png", "bit_depth": 16, "bytes": 54321},
        "faces": [{"box": [1.0, 2.0, 3.0, 4.0], "score": 0.99}],
        "models": {"detector": {"name": None, "reason": "No weights: “请” see the README."}},
        "quality_metrics": {"sharpness_score": 0.5},
        "tiles": None,
        "milliseconds": {"decode": 1.2, "total": 9},
        "options": asdict(Options(quality=80)),
        "notes": ["Only the first of 3 frames was used."],
        "truncated": False,
    }


def test_no_face_and_no_note() -> None:
    empty = json.loads(report(faces=(), notes=()))
    assert (empty["faces"], empty["notes"]) == ([], [])


def test_text_stays_readable_on_one_line() -> None:
    text = report(notes=["两张脸"])
    assert "两张脸" in text
    assert "\n" not in text
