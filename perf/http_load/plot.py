"""The run as a picture: users and photos, answers a second, and their p95, over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perf.plots import draw_lines, label, new_figure, save_svg


def save_plot(result: Mapping[str, Any], file: Path) -> None:
    """Draw the series of a run into the SVG ``file``."""
    figure, (load, answers, times) = new_figure(panels=3, width=4.5, height=3.2)
    series, end = result["series"], result["ramp_seconds"] + result["all_connected"]["seconds"]

    def over_time(name: str) -> list[tuple[float, float]]:
        return [(point["second"], point[name]) for point in series]

    label(load, "Load", "seconds", "users, photos")
    draw_lines(load, {"users": over_time("users"), "photos in the gateway": over_time("photos_inside")})
    label(answers, "Answers", "seconds", "answers per second")
    draw_lines(answers, {"answers per second": over_time("answers_per_second")})
    label(times, "Time to answer", "seconds", "milliseconds")
    goal = result["goal"]["p95_ms"]
    draw_lines(times, {"p95": over_time("p95_ms"), "goal": [(0, goal), (series[-1]["second"], goal)]})
    for axes in (load, answers, times):
        axes.axvspan(result["ramp_seconds"], end, color="#EEEEEE", zorder=0)  # all users are there
    save_svg(figure, file)
