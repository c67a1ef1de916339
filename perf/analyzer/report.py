"""A sweep's result as a Markdown table and as a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perf.plots import draw_lines, label, legend_below, new_figure, save_svg

_HEAD = "| model | input | at once | calls/s | p50, s | p90, s | p95, s | p99, s | batch, queue, compute | errors |"


def markdown(result: Mapping[str, Any]) -> str:
    """A table with one line for each row of the result of :mod:`perf.analyzer.sweep`, ending with a newline."""
    lines = [_HEAD, "|---|---|" + "---:|" * 6 + "---|---|"]
    lines += [_line(row) for row in result["rows"]]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    seconds = ["–" if row[f"{p}_ms"] is None else f"{row[f'{p}_ms'] / 1000:.3g}" for p in ("p50", "p90", "p95", "p99")]
    throughput = "–" if row["throughput"] is None else f"{row['throughput']:.3g}"
    networks = "; ".join(
        f"`{name}` {work['batch']:g}, {work['queue_ms'] / 1000:.2g} s, {work['compute_ms'] / 1000:.2g} s"
        for name, work in row["networks"].items()
    )
    errors = "; ".join(f"{count} × {said.replace('|', '/')}" for said, count in row["errors"].items())
    cells = [f"`{row['model']}`", sent(row), str(row["concurrency"]), throughput, *seconds, networks, errors or "0"]
    return "| " + " | ".join(cells) + " |"


def sent(row: Mapping[str, Any]) -> str:
    """What a row's calls were, such as ``astronaut 512x512, background=lanczos``."""
    return ", ".join([row["photo"], *(f"{name}={value}" for name, value in row["parameters"].items())])


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Throughput and latency against concurrency, both logarithmic, one line for each model and input, as an SVG."""
    throughput: dict[str, list[tuple[float, float]]] = {}
    latency: dict[str, list[tuple[float, float]]] = {}
    for row in result["rows"]:
        if row["throughput"] is not None:
            name = f"{row['model']}: {sent(row)}"
            throughput.setdefault(name, []).append((row["concurrency"], row["throughput"]))
            latency.setdefault(name, []).append((row["concurrency"], row["p50_ms"] / 1000))
    figure, (left, right) = new_figure(panels=2)
    for axes, title, y, series in (
        (left, "Throughput", "calls per second", throughput),
        (right, "Latency, p50", "seconds", latency),
    ):
        label(axes, title, "calls at once", y)
        draw_lines(axes, series, logarithmic=True, legend=False)
        axes.set_xscale("log", base=2)
        ticks = sorted({row["concurrency"] for row in result["rows"]})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    legend_below(figure)
    save_svg(figure, path)
