"""Plots of the simulation for docs/capacity.md: sizes, the check against the real server, a burst, losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perf.plots import COLOURS, draw_lines, label, legend_below, new_figure, save_svg
from perf.simulation.scenarios import LOSSES, PORTRAITS, THRESHOLDS, Burst
from perf.simulation.sizing import GOAL_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]

_GPUS_SHOWN = ("T4", "L4", "H100 SXM")
_SHADE = "#EEEEEE"
_MINUTE = 60.0
_LINES = ("-", "--", "-", "--", "-.")
_HATCHES = ("", "", "//", "..")
_SHOWN = ("fixed, 3", "fixed, 12", "KEDA, 0.5 waiting calls", "KEDA, 1 waiting calls", "KEDA, 2 waiting calls")


def write_plots(result: Mapping[str, Any], folder: Path) -> None:
    """All plots of ``result`` into ``folder``."""
    _sizes(result, folder / "sizes.svg")
    _burst(result["bursts"], folder / "burst.svg")
    _thresholds(result["bursts"], folder / "thresholds.svg")
    _losses(result["losses"], folder / "losses.svg")
    _check(result, folder / "check.svg")


def _sizes(result: Mapping[str, Any], path: Path) -> None:
    figure, (loads, replicas) = new_figure(2)
    label(loads, "Four replicas, ID portraits (simulated)", "load, % of the cores", "p95, seconds")
    lines = {
        f"{row['cores']} cores each": [(100 * point["load"], point["p95"]["mean"]) for point in row["points"]]
        for row in result["curves"]
    }
    draw_lines(loads, lines)
    loads.set_ylim(0, 4 * GOAL_SECONDS)
    _goal(loads)
    label(replicas, "Replicas for p95 ≤ 3 s, ID portraits (simulated)", "photos a day", "replicas")
    gpus = [row for row in result["gpu"] if row["server"] in _GPUS_SHOWN]
    rows = [row for row in (*result["cpu"], *gpus) if row["mix"] == PORTRAITS.name]
    series = {
        row["server"]: [(size["photos_a_day"], size["replicas"]) for size in row["sizes"] if size["replicas"]]
        for row in rows
    }
    draw_lines(replicas, series, logarithmic=True)
    replicas.set_xscale("log")
    replicas.set_xticks([1e3, 1e4, 1e5, 1e6], ["1,000", "10,000", "100,000", "1,000,000"])
    replicas.set_xticks([], minor=True)
    save_svg(figure, path)


def _burst(rows: Rows, path: Path) -> None:
    plan = Burst()
    figure, (waits, refusals, replicas) = new_figure(3, width=4.6, height=4.4)
    shown = [row for row in rows if row["name"] in _SHOWN and row["max_tasks"] == 10]
    label(waits, "p95 of photos that were taken", "minutes", "seconds")
    label(refusals, "Refused with 503", "minutes", "% of the photos")
    label(replicas, "Replicas that get photos", "minutes", "replicas")
    for axes in (waits, refusals, replicas):
        axes.axvspan(plan.begin / _MINUTE, plan.end / _MINUTE, color=_SHADE, zorder=0)
        axes.set_xlim(5, plan.until / _MINUTE)
    for number, row in enumerate(shown):
        look: dict[str, Any] = {"color": COLOURS[number], "linestyle": _LINES[number], "linewidth": 1.6}
        minutes = [begin / _MINUTE for begin, *_ in row["curve"]]
        waits.plot(minutes, [p95 for _, p95, _ in row["curve"]], label=row["name"], **look)
        refusals.plot(minutes, [100 * refused for *_, refused in row["curve"]], **look)
        steps = [*row["replicas"], [plan.until, row["replicas"][-1][1]]]
        times, counts = [moment / _MINUTE for moment, _ in steps], [count for _, count in steps]
        replicas.step(times, counts, where="post", **look)
    for axes in (waits, refusals, replicas):
        axes.set_ylim(bottom=0)
    _goal(waits)
    legend_below(figure, 3)
    save_svg(figure, path)


def _thresholds(rows: Rows, path: Path) -> None:
    figure, (refused, late, hours) = new_figure(3, width=4.6, height=4.2)
    label(refused, "Refused during the burst", "threshold, waiting calls a replica", "% of the photos")
    label(late, "Photos not back within 3 s at p95, or refused", "threshold, waiting calls a replica", "minutes")
    label(hours, "What it costs", "threshold, waiting calls a replica", "replica-hours in the hour")
    figures: dict[Axes, Callable[[Mapping[str, Any]], float]] = {
        refused: lambda row: 100 * row["burst"]["refused"]["mean"] / row["burst"]["photos"]["mean"],
        late: lambda row: row["late_seconds"]["mean"] / _MINUTE,
        hours: lambda row: row["replica_hours"]["mean"],
    }
    scaled = [row for row in rows if row["threshold"] is not None and row["start"][0] < 120]
    places = dict.fromkeys(row["max_tasks"] for row in scaled)
    for axes, value in figures.items():
        series = {
            f"LIMNER_MAX_TASKS={count}, two gateways": [
                (row["threshold"], value(row)) for row in scaled if row["max_tasks"] == count
            ]
            for count in places
        }
        draw_lines(axes, series, legend=False)
        axes.set_xscale("log")
        axes.set_xticks(list(THRESHOLDS), [f"{threshold:g}" for threshold in THRESHOLDS])
        axes.set_xticks([], minor=True)
    legend_below(figure)
    save_svg(figure, path)


def _losses(rows: Rows, path: Path) -> None:
    figure, (waits, late) = new_figure(2, height=4.6)
    label(waits, "p95 of photos that arrive then (mean of the seeds)", "minutes after the loss", "seconds")
    label(late, f"Later than {GOAL_SECONDS:g} s, of those of five minutes", "photos (mean, and range of the seeds)", "")
    shown = [row for row in rows if "no photo" not in row["name"]]
    draw_lines(waits, {row["name"]: _around(row) for row in shown}, legend=False)
    for number, row in enumerate(shown):
        count = row["late"]
        reach = [[count["mean"] - count["min"]], [count["max"] - count["mean"]]]
        late.barh(-number, count["mean"], xerr=reach, color=COLOURS[number], capsize=3)
    late.set_yticks([])
    _goal(waits)
    legend_below(figure)
    save_svg(figure, path)


def _around(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Points from two minutes before the loss to six after it, in minutes."""
    points = [((begin - LOSSES[0].moment) / _MINUTE, p95) for begin, p95, _ in row["curve"]]
    return [point for point in points if -2 <= point[0] <= 6]


def _check(result: Mapping[str, Any], path: Path) -> None:
    """Mean, p50 and p95 of each open loop: measured, and simulated with the range of its seeds."""
    loops = result["open_loops"]
    if not loops:
        return
    figure, panels = new_figure(len(loops), width=4.8, height=4.2)
    names = ("mean", "p50", "p95")
    for axes, loop in zip(panels, loops, strict=True):
        label(axes, f"{loop['name'].capitalize()}: {loop['per_second']:.2g} photos a second", "", "seconds")
        sides = {"measured": None, **dict.fromkeys(loop["simulated"])}
        width = 0.8 / len(sides)
        for number, side in enumerate(sides):
            places = [index + (number - (len(sides) - 1) / 2) * width for index in range(len(names))]
            colour = ("#000000", *COLOURS)[number]
            look: dict[str, Any] = {"width": width * 0.92, "color": colour, "hatch": _HATCHES[number]}
            if side == "measured":
                axes.bar(places, [loop["measured"][name] for name in names], label="measured", **look)
                continue
            found = loop["simulated"][side]["same arrivals"]
            means = [found[name]["mean"] for name in names]
            ranges = [[found[name]["mean"] - found[name]["min"] for name in names]]
            ranges.append([found[name]["max"] - found[name]["mean"] for name in names])
            axes.bar(places, means, yerr=ranges, capsize=2, edgecolor="white", label=f"simulated, {side}", **look)
        axes.set_xticks(range(len(names)), names)
    legend_below(figure)
    save_svg(figure, path)


def _goal(axes: Any) -> None:
    axes.axhline(GOAL_SECONDS, color="#000000", linewidth=0.8, linestyle=(0, (1, 2)))
