"""Plots of what ``perf.cost`` measured: ``cost-time.svg``, ``cost-memory.svg``, ``cost-users.svg``.

    python -m perf.cost.figures

makes them again from ``perf/results/cost.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO
from perf.plots import draw_lines, label, new_figure, save_svg

RESULTS = PROJECT_ROOT / "perf" / "results" / "cost.json"

Rows = Sequence[Mapping[str, Any]]


def _core_seconds(row: Mapping[str, Any]) -> float:
    return float(row["core_seconds"]["median"])


def _peak(row: Mapping[str, Any]) -> float:
    return float(row["peak_mib"])


def _points(
    rows: Rows, series: str, quantity: str, cost: Callable[[Mapping[str, Any]], float] = _core_seconds
) -> list[tuple[float, float]]:
    return [(row["work"][quantity], cost(row)) for row in rows if row["name"] == series]


def write_figures(result: Mapping[str, Any], folder: Path) -> None:
    """All plots of ``result`` into ``folder``."""
    _time(result["series"], folder / "cost-time.svg")
    _memory(result["series"], folder / "cost-memory.svg")
    _users(result["crowds"], folder / "cost-users.svg")


def _time(rows: Rows, path: Path) -> None:
    figure, (pixels, network, faces) = new_figure(3, width=4.5)
    label(pixels, "Lanczos, no face restored", "megapixels of the photo", "core-seconds")
    draw_lines(pixels, {"×2": _points(rows, "pixels, Lanczos", PHOTO)})
    label(network, "Real-ESRGAN x4plus", "megapixels of tiles", "core-seconds")
    draw_lines(network, {"×2": _points(rows, "pixels, network", NETWORK)})
    label(faces, "Faces restored, background Lanczos", "faces", "core-seconds")
    draw_lines(faces, {"×2": _points(rows, "faces", FACES)})
    save_svg(figure, path)


def _memory(rows: Rows, path: Path) -> None:
    figure, (pixels, faces) = new_figure(2)
    label(pixels, "Peak memory of one photo", "megapixels of the result", "MiB, all processes")
    series = ("pixels, Lanczos", "scale, Lanczos", "pixels, network")
    draw_lines(pixels, {name: _points(rows, name, OUTPUT, _peak) for name in series})
    label(faces, "Peak memory of one photo", "faces", "MiB, all processes")
    draw_lines(faces, {"faces restored": _points(rows, "faces", FACES, _peak)})
    save_svg(figure, path)


def _users(crowds: Rows, path: Path) -> None:
    figures: dict[str, Callable[[Mapping[str, Any]], float]] = {
        "photos an hour": lambda row: float(row["photos_per_hour"]),
        "seconds a photo, median": lambda row: float(row["latency_seconds"]["median"]),
        "MiB, all processes": _peak,
    }
    photos = dict.fromkeys(str(row["photo"]) for row in crowds)
    figure, axes = new_figure(len(figures), width=4.5)
    for panel, (title, value) in zip(axes, figures.items(), strict=True):
        label(panel, title, "users at once", title)
        lines = {
            photo: [(row["users"], value(row)) for row in crowds if row["photo"] == photo and row["done"]]
            for photo in photos
        }
        draw_lines(panel, lines)
    save_svg(figure, path)


if __name__ == "__main__":
    write_figures(json.loads(RESULTS.read_text("utf-8")), RESULTS.parent)
