from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.report import REPORT_HEADER_BYTES, compact_report

Report = dict[str, Any]


def report(faces: int, notes: list[str] | None = None) -> Report:
    face = {
        "box": [10.5, 20.25, 110.5, 140.75],
        "score": 0.998,
        "landmarks": [[float(x), 33.125] for x in range(5)],
        "restored": True,
        "identity": {"likeness": 0.8123, "action": "kept", "share_of_input": 0.0},
        "quality_metrics": {
            "face_quality_score": 0.6123,
            "usable": {"before": False, "after": True},
            "parts": {"a": 1},
        },
    }
    return {
        "input": {"width": 640, "height": 480, "format": "jpeg", "mode": "RGB", "bytes": 51234},
        "output": {"width": 1280, "height": 960, "format": "jpeg", "bytes": 351234},
        "faces": [face] * faces,
        "models": {"face_restorer": {"name": None, "reason": "No weights: 模型不可用"}},
        "milliseconds": {"decode": 1.5, "total": 1500.0},
        "notes": notes or [],
        "truncated": False,
    }


def test_small_report_is_whole_and_compact() -> None:
    text = compact_report(report(2))
    assert json.loads(text) == report(2)
    assert ", " not in text.replace("No weights", "")
    assert '": ' not in text


def test_landmarks_and_parts_go_before_metrics() -> None:
    short = json.loads(compact_report(report(15)))
    assert len(short["faces"]) == 15
    assert short["truncated"] is False
    assert set(short["faces"][0]) == {"box", "score", "restored", "identity", "quality_metrics"}
    assert set(short["faces"][0]["quality_metrics"]) == {"face_quality_score", "usable"}


def test_details_of_faces_go_before_faces() -> None:
    short = json.loads(compact_report(report(40)))
    assert len(short["faces"]) == 40
    assert short["truncated"] is False
    assert set(short["faces"][0]) == {"box", "score", "restored"}


def test_faces_go_from_the_end_as_few_as_possible() -> None:
    many = report(100)
    many["faces"] = [{"box": [index, 0, 1, 1], "score": 0.5} for index in range(1000)]
    text = compact_report(many)
    short = json.loads(text)
    assert short["truncated"] is True
    assert [face["box"][0] for face in short["faces"]] == list(range(len(short["faces"])))
    assert REPORT_HEADER_BYTES - 60 < len(text) <= REPORT_HEADER_BYTES


def test_long_notes_cost_no_faces() -> None:
    short = json.loads(compact_report(report(20, notes=["人" * 3000, "b"])))
    assert len(short["faces"]) == 20
    assert short["notes"][0].endswith("...")
    assert short["notes"][1] == "b"


def test_sizes_and_times_survive_everything_else() -> None:
    bloated = {**report(3), "models": {str(number): "x" * 90 for number in range(100)}}
    assert set(json.loads(compact_report(bloated))) == {"input", "output", "milliseconds", "truncated"}


texts = st.text(max_size=3000) | st.sampled_from(["\r\n", "人" * 2000, "\ud800", '"' * 3000])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
faces = st.lists(
    st.fixed_dictionaries({"box": st.lists(st.floats(0, 9999), min_size=4, max_size=4), "landmarks": values}),
    max_size=80,
)
keys = st.sampled_from(["input", "output", "models", "milliseconds", "notes", "truncated", "options"])


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    base=st.dictionaries(keys, values),
    found=faces | values,
    limit=st.sampled_from([32, 200, 1000, REPORT_HEADER_BYTES]),
)
def test_always_valid_ascii_json_within_the_limit(base: Report, found: object, limit: int) -> None:
    text = compact_report({**base, "faces": found}, limit)
    assert len(text) <= limit
    assert text.isascii()
    assert text.isprintable()
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize("limit", [32, 100, 300, 1000, 4096])
def test_real_reports_at_every_limit(limit: int) -> None:
    for count in (0, 1, 5, 100):
        assert len(compact_report(report(count, ["note " * 100] * 10), limit)) <= limit
