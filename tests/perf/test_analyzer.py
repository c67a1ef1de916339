"""``perf.analyzer``: the real ``perf_analyzer`` against the real Triton, and what is made of its output."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from limner.canary import LIGHT_PARAMETERS, canary_png
from limner.errors import LimnerError
from perf import plots
from perf.analyzer import install as installing
from perf.analyzer.inputs import Case, astronaut, model_case, photo_case
from perf.analyzer.install import Analyzer, AnalyzerError, install, packages, requirements
from perf.analyzer.measure import calls_of_a_window, is_given_up, measure, read_errors, read_figures, row
from perf.analyzer.report import markdown, plot
from perf.analyzer.sweep import sweep

# What 2.41.1 and 2.60.0 wrote when they were run against ``face_enhance``.
HEAD = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,"
    "Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency,"
    "Avg latency,request/response,response wait\n"
)
TABLE_2_41 = HEAD + "2,5.49623,31,354356,473,60,1515,13,4,351341,534849,601833,606322,356456,35,356387\n"
TABLE_2_60 = HEAD + "2,3.48369,28,556933,239,58,1069,7,6,535541,799530,809003,929852,558343,34,558281\n"
OUTPUT = """Request concurrency: 2
  Client: 
    Request count: 22
    Throughput: 5.49623 infer/sec
  Server: 
    Inference count: 24
    Successful request count: 24
"""  # noqa: W291 - as it was
OVERLOADED = """Request concurrency: 90
 Failed to maintain requested inference load. Worker thread(s) failed to generate concurrent requests.
Thread [0] had error: [temporary-reduced-capacity] 64 photos are at work. Send this one again in a while.

Thread [1] had error: [request id: <id_unknown>] Exceeds maximum queue size

Thread [2] had error: [request id: <id_unknown>] Exceeds maximum queue size
"""


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    try:
        return install()
    except AnalyzerError as error:
        if os.environ.get("LIMNER_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"perf_analyzer is missing: {error.message}")


@pytest.fixture
def light() -> Case:
    """A call that passes every step but the heavy networks."""
    return photo_case(canary_png(), "canary", LIGHT_PARAMETERS)


def test_figures_are_read_from_the_table() -> None:
    assert read_figures(TABLE_2_41, OUTPUT) == {
        "calls": 22,
        "throughput": 5.496,
        "p50_ms": 351.34,
        "p90_ms": 534.85,
        "p95_ms": 601.83,
        "p99_ms": 606.32,
        "server_queue_ms": 0.47,
        "server_compute_ms": 1.59,
    }
    newer = read_figures(TABLE_2_60, "")
    assert (newer["calls"], newer["throughput"], newer["p99_ms"]) == (None, 3.484, 929.85)


def test_errors_are_counted_by_what_they_say() -> None:
    assert read_errors(OVERLOADED) == {
        "Exceeds maximum queue size": 2,
        "[temporary-reduced-capacity] 64 photos are at work. Send this one again in a while.": 1,
    }
    unknown = "error: failed to get model metadata: Request for unknown model: 'x' is not found"
    assert read_errors(f"{unknown}\n\n") == {unknown: 1}
    assert read_errors("") == {"perf_analyzer failed and said nothing": 1}


def test_window_fills_a_third_of_the_time_or_has_all_calls_once() -> None:
    assert calls_of_a_window(seconds=15, one_call=0.5, concurrency=4) == 10
    assert calls_of_a_window(seconds=15, one_call=5, concurrency=4) == 4


def test_photo_is_sent_as_encoded_bytes(tmp_path: Path) -> None:
    photo = astronaut((248, 320))
    photo_case(photo, "astronaut", {}).write(tmp_path / "input.json")
    (step,) = json.loads((tmp_path / "input.json").read_text("utf-8"))["data"]
    assert step["IMAGE"]["shape"] == [len(photo)]
    assert base64.b64decode(step["IMAGE"]["content"]["b64"]) == photo


@pytest.mark.parametrize(
    ("name", "photo", "tensor", "shape"),
    [
        ("realesrgan_x4", "tile 128x128", "TILE", [128, 128, 3]),
        ("gfpgan", "face 512x512", "FACE", [512, 512, 3]),
        ("retinaface", "image 640x480", "IMAGE", [480, 640, 3]),
    ],
)
def test_networks_are_sent_real_pictures(name: str, photo: str, tensor: str, shape: list[int], tmp_path: Path) -> None:
    case = model_case(name)
    case.write(tmp_path / "input.json")
    (step,) = json.loads((tmp_path / "input.json").read_text("utf-8"))["data"]
    assert (case.photo, step[tensor]["shape"]) == (photo, shape)
    pixels = np.frombuffer(base64.b64decode(step[tensor]["content"]["b64"]), np.uint8)
    assert pixels.size == np.prod(shape)
    assert pixels.std() > 5


def test_second_input_has_no_batch_axis_either(tmp_path: Path) -> None:
    model_case("codeformer").write(tmp_path / "input.json")
    (step,) = json.loads((tmp_path / "input.json").read_text("utf-8"))["data"]
    (fidelity,) = (value for name, value in step.items() if name != "FACE")
    assert fidelity["shape"] == [1]
    assert np.frombuffer(base64.b64decode(fidelity["content"]["b64"]), np.float32).tolist() == [0.5]


def test_sweep_of_the_real_server(
    analyzer: Analyzer, triton_url: str, triton_client: triton.InferenceServerClient, light: Case
) -> None:
    cases = [light, model_case("retinaface")]
    rows = list(sweep(analyzer, triton_url, triton_client, cases, (1, 2), seconds=2, limit=60))
    assert [(line["model"], line["concurrency"]) for line in rows] == [
        (model, concurrency) for model in ("face_enhance", "retinaface") for concurrency in (1, 2)
    ]
    for line in rows:
        assert line["errors"] == {}
        assert line["calls"] >= 2 * line["concurrency"]
        assert line["throughput"] > 0
        assert 0 < line["p50_ms"] <= line["p90_ms"] <= line["p95_ms"] <= line["p99_ms"]
        # The server counted them too.
        assert line["networks"]["retinaface"]["calls"] >= line["calls"]
    assert rows[-1]["server_compute_ms"] > 1  # of a network, what it computed


def test_parameters_reach_the_server(analyzer: Analyzer, triton_url: str) -> None:
    refused = photo_case(canary_png(), "canary", {"background": "nonsense"})
    line = measure(analyzer, triton_url, refused, concurrency=1, window=1, limit=60)
    (said,) = line["errors"]
    assert said.startswith("[invalid-option] background is 'nonsense'")
    assert line["calls"] is line["throughput"] is line["p50_ms"] is None


def test_overload_is_a_row_with_errors(analyzer: Analyzer, triton_url: str) -> None:
    """``face_enhance`` works on 64 photos, and 64 may wait."""
    photo = photo_case(astronaut((248, 320)), "astronaut", LIGHT_PARAMETERS)
    line = measure(analyzer, triton_url, photo, concurrency=160, window=160, limit=120)
    assert line["throughput"] is None
    assert sum(line["errors"].values()) >= 1
    assert any("queue size" in said or "photos are at work" in said for said in line["errors"])


def test_what_is_not_served_is_a_row_with_errors(
    analyzer: Analyzer, triton_url: str, triton_client: triton.InferenceServerClient
) -> None:
    missing = Case("nonesuch", "canary", {"IMAGE": np.frombuffer(canary_png(), np.uint8)})
    for line in (
        measure(analyzer, triton_url, missing, concurrency=1, window=1, limit=60),
        *sweep(analyzer, triton_url, triton_client, [missing], (1,), seconds=1, limit=60),
    ):
        (said,) = line["errors"]
        assert "'nonesuch'" in said


def test_after_a_row_that_took_too_long_more_at_once_is_not_tried(
    analyzer: Analyzer, triton_url: str, triton_client: triton.InferenceServerClient, light: Case
) -> None:
    rows = list(sweep(analyzer, triton_url, triton_client, [light], (1, 2, 4), seconds=60, limit=1))
    assert [list(line["errors"]) for line in rows] == [
        ["not done within 1 s"],
        ["not tried: 1 at once were not done in time"],
        ["not tried: 1 at once were not done in time"],
    ]
    assert is_given_up(rows[0])
    assert not is_given_up(rows[1])


def some_result() -> dict[str, Any]:
    case = photo_case(b"photo", "astronaut 248x320", {"background": "lanczos"})
    network = {"retinaface": {"calls": 24, "batch": 1.25, "queue_ms": 4.0, "compute_ms": 30.4}}
    measured = row(case, 1, read_figures(TABLE_2_41, OUTPUT)) | {"networks": network}
    return {"rows": [measured, row(case, 2, read_figures(TABLE_2_60, OUTPUT)), row(case, 4, errors={"a|b": 2})]}


def test_table_has_a_line_for_each_row() -> None:
    lines = markdown(some_result()).splitlines()
    sent = "| `face_enhance` | astronaut 248x320, background=lanczos |"
    assert lines[2:] == [
        f"{sent} 1 | 5.5 | 0.351 | 0.535 | 0.602 | 0.606 | `retinaface` 1.25, 0.004 s, 0.03 s | 0 |",
        f"{sent} 2 | 3.48 | 0.536 | 0.8 | 0.809 | 0.93 |  | 0 |",
        f"{sent} 4 | – | – | – | – | – |  | 2 × a/b |",
    ]
    assert {line.count("|") for line in lines} == {11}


def test_plot_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("first.svg", "second.svg"):
        plot(some_result(), tmp_path / name)
    svg = (tmp_path / "first.svg").read_bytes()
    assert svg == (tmp_path / "second.svg").read_bytes()
    for text in (b"calls at once", b"calls per second", b"seconds", b"face_enhance: astronaut 248x320"):
        assert text in svg
    first, second, *_ = (colour.lower().encode() for colour in plots.COLOURS)
    assert first in svg
    assert second not in svg  # there is one case


def test_plot_that_is_too_large_is_refused(tmp_path: Path) -> None:
    figure, (axes,) = plots.new_figure()
    plots.label(axes, "Many", "x", "y")
    plots.draw_lines(axes, {"zigzag": [(x, 3 * x % 7) for x in range(20_000)]})
    with pytest.raises(LimnerError, match=r"large\.svg has \d+ bytes"):
        plots.save_svg(figure, tmp_path / "large.svg")


def test_c_library_decides_which_build_is_installed() -> None:
    assert packages((2, 36)) == ("tritonclient", "nvidia-cuda-runtime-cu12")
    assert packages((2, 38)) == packages((2, 41)) == ("perf-analyzer",)
    for names in (packages((2, 36)), packages((2, 38))):
        lines = requirements(names).splitlines()
        assert [line.partition("==")[0] for line in lines] == list(names)
        assert all(" --hash=sha256:" in line for line in lines)


def test_installed_once(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("downloaded again")

    monkeypatch.setattr(installing, "_download", refuse)
    assert install() == analyzer
    assert analyzer.source in {"tritonclient 2.41.1", "perf-analyzer 2.60.0"}


def test_wheel_with_another_hash_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "requirements.txt"
    names = packages(installing.glibc_version())
    wrong.write_text("".join(f"{line[:-64]}{'0' * 64}\n" for line in requirements(names).splitlines()), "utf-8")
    monkeypatch.setattr(installing, "REQUIREMENTS", wrong)
    monkeypatch.setenv("LIMNER_DATA", str(tmp_path / "data"))
    with pytest.raises(AnalyzerError, match="could not be downloaded"):
        install()
    assert list((tmp_path / "data" / "tools").iterdir()) == []


def test_missing_library_is_named_with_its_package(tmp_path: Path) -> None:
    broken = Analyzer(tmp_path)
    broken.program.parent.mkdir()
    said = "perf_analyzer: error while loading shared libraries: libb64.so.0d: cannot open shared object file"
    broken.program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 127\n", "utf-8")
    broken.program.chmod(0o755)
    with pytest.raises(AnalyzerError, match=r"needs libb64\.so\.0d\. .*apt-get install libb64-0d"):
        broken.check()
    with pytest.raises(AnalyzerError, match="does not start"):
        Analyzer(tmp_path / "nowhere").check()
