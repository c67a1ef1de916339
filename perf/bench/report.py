"""What is written of a run: rows, a Markdown table and a plot."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT
from perf.bench.cases import FP32, HTTP, INT8, PLAIN, UPSTREAM, Case
from perf.latency import spread
from perf.plots import COLOURS, label, new_figure, save_svg

RESULTS = PROJECT_ROOT / "perf" / "results" / "bench.json"

_HEADINGS = {
    UPSTREAM: "upstream (PyTorch)",
    PLAIN: "plain ONNX Runtime",
    FP32: "Limner FP32, gRPC",
    INT8: "Limner INT8, gRPC",
    HTTP: "Limner INT8, HTTP",
}


Row = dict[str, Any]


def published() -> dict[str, Row]:
    """The rows that were measured before, by case."""
    rows = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else []
    return {row["name"]: row for row in rows}


def publish(rows: Sequence[Row]) -> None:
    """Write all there is into ``perf/results``."""
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    RESULTS.with_suffix(".md").write_text(markdown(rows), "utf-8")
    plot(rows, RESULTS.with_suffix(".svg"))


def row(case: Case, timings: Mapping[str, Sequence[Mapping[str, Any]]], machine: Mapping[str, object]) -> Row:
    """Medians and spread of a case, and how many times faster than upstream each side is, where upstream ran."""
    sides = {
        name: {
            "seconds": spread([float(timing["seconds"]) for timing in each]),
            "stages": _medians([timing["stages"] for timing in each]),
            "faces": each[-1]["faces"],
            "memory_mib": max(timing["memory_mib"] for timing in each),
            "size": list(each[-1]["size"]),
        }
        for name, each in timings.items()
    }
    reference = sides.get(UPSTREAM)
    return {
        "name": case.name,
        "photo": f"{case.width}x{case.height} JPEG, {case.faces} faces, x{case.scale}",
        "rounds": case.rounds,
        "machine": dict(machine),
        "sides": sides,
        "times_faster": {
            name: round(reference["seconds"]["median"] / side["seconds"]["median"], 2)
            for name, side in sides.items()
            if reference and name != UPSTREAM
        },
    }


def _medians(stages: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(each[name] for each in stages), 3) for name in stages[-1]}


def markdown(rows: Sequence[Row]) -> str:
    """A table of seconds and ratios, one of stages and memory, and the machines."""
    lines = [
        "| photo, background | faces | " + " | ".join(_HEADINGS.values()) + " | INT8 against upstream |",
        "|---|---|" + "---|" * (len(_HEADINGS) + 1),
    ]
    for case in rows:
        faces = max(side["faces"] for side in case["sides"].values())
        cells = [_cell(case, name) for name in _HEADINGS]
        ratio = case["times_faster"].get(INT8)
        lines.append(f"| {case['name']} | {faces} | {' | '.join(cells)} | {f'**{ratio}**' if ratio else '–'} |")
    lines += ["", "| photo, background | side | stages, s | memory, MiB |", "|---|---|---|---|"]
    for case in rows:
        for name, side in case["sides"].items():
            stages = ", ".join(f"{stage} {spent:.2f}" for stage, spent in side["stages"].items() if stage != "total")
            lines.append(f"| {case['name']} | {_HEADINGS[name]} | {stages} | {side['memory_mib']} |")
    lines += ["", *dict.fromkeys(_machine(case) for case in rows)]
    return "\n".join(lines) + "\n"


def _machine(case: Row) -> str:
    machine = case["machine"]
    return (
        f"{machine['cpu']} ({', '.join(machine['instructions'])}), {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, Python {machine['python']}, commit {machine['commit']}."
    )


def _cell(case: Mapping[str, Any], name: str) -> str:
    side = case["sides"].get(name)
    if side is None:
        return "–"
    seconds = side["seconds"]
    spread = f" ({seconds['min']:g}–{seconds['max']:g})" if case["rounds"] > 1 else ""
    return f"{seconds['median']:g} s{spread}"


def plot(rows: Sequence[Row], path: Path) -> None:
    """Bars of the seconds of each side, on a logarithmic scale."""
    figure, (axes,) = new_figure(width=9.0, height=4.5)
    thickness = 0.16
    for number, (name, heading) in enumerate(_HEADINGS.items()):
        there = [(place, case) for place, case in enumerate(rows) if name in case["sides"]]
        axes.bar(
            [place + (number - 2) * thickness for place, _ in there],
            [case["sides"][name]["seconds"]["median"] for _, case in there],
            thickness,
            label=heading,
            color=COLOURS[number],
        )
    label(axes, "From the encoded photo to the encoded result, x2", "", "seconds, logarithmic")
    axes.set_yscale("log")
    axes.set_xticks(range(len(rows)), [case["name"].replace(", ", "\n") for case in rows])
    axes.legend(frameon=False, fontsize="small")
    save_svg(figure, path)
