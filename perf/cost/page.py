"""The page ``docs/capacity.md``, made from ``perf/results/cost.json``.

    python -m perf.cost.page

A test keeps the page in step with the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT
from perf.cost.capacity import CostModel, photos_per_hour
from perf.cost.estimates import gpu_section, memory_section, replica_section
from perf.cost.model import CONSTANT, Fit
from perf.cost.tables import mib, number, percent, table
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO
from perf.simulation.section import simulation_sections

PAGE = PROJECT_ROOT / "docs" / "capacity.md"
RESULTS = PROJECT_ROOT / "perf" / "results" / "cost.json"

_INTRO = """\
# Capacity

What a photo costs, how many photos a server takes, and how many servers a day's photos need. Made by \
`python -m perf.cost.page` from `perf/results/cost.json`, which `python -m perf.cost` measures. What was \
measured and what is estimated stand in columns or sections of their own, and say which they are. What a simulation \
says of many servers comes from `python -m perf.simulation`, and is called simulated.

**Core-seconds** are processor time: a photo of 10 core-seconds keeps two cores busy for five seconds. One core does \
3600 core-seconds an hour, so photos per hour and core are 3600 divided by the core-seconds of a photo, were the \
core never idle.
"""

_UNITS = {
    CONSTANT: "any photo",
    PHOTO: "a megapixel of the photo",
    NETWORK: "a megapixel of tiles through the background's network",
    OUTPUT: "a megapixel of the result",
    FACES: "a restored face",
}


def capacity_page() -> str:
    """The text of the page."""
    if not RESULTS.is_file():
        return _INTRO + "\nNothing has been measured.\n"
    result = json.loads(RESULTS.read_text("utf-8"))
    model = CostModel.of(result["series"])
    cores = int(result["machine"]["cores"])
    sections = (
        _typical(result["typical"]),
        _model(model, cores),
        _trial(model, result["typical"]),
        _crowds(model, result["crowds"], cores),
        replica_section(model, result["typical"], cores),
        memory_section(model, result["typical"], model.further_share(result["crowds"])),
        gpu_section(model, result["typical"], result["flops"]),
        simulation_sections(RESULTS.with_name("simulation.json")),
        _method(result),
    )
    return _INTRO + "".join(sections)


def _typical(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        (
            row["name"],
            _background(row),
            str(row["work"][FACES]),
            _spread(row["seconds"]),
            number(row["core_seconds"]["median"]),
            number(photos_per_hour(row["core_seconds"]["median"])),
            mib(row["peak_mib"]),
            str(row["rounds"]),
        )
        for row in rows
    ]
    head = (
        *("photo", "background", "faces restored", "seconds, alone", "core-seconds"),
        *("photos per hour and core", "MiB at most", "rounds"),
    )
    return (
        "\n## Typical photos: measured\n\n"
        "With the defaults: `background=auto`, faces restored. One photo at a time; median (smallest–largest). "
        "MiB are of all of Triton's processes together, on a fresh server that got the photos in this order: it keeps "
        "most of the memory that it once needed.\n\n" + table(head, lines)
    )


def _background(row: Mapping[str, Any]) -> str:
    return str(row["models"].get("background", "Lanczos"))


def _spread(seconds: Mapping[str, float]) -> str:
    spread = f" ({number(seconds['min'])}–{number(seconds['max'])})"
    return number(seconds["median"]) + (spread if seconds["min"] < seconds["max"] else "")


def _model(model: CostModel, cores: int) -> str:
    lines = [
        (
            unit,
            number(model.core_seconds.prices[name]),
            number(model.seconds.prices[name]),
            number(model.memory.prices[name]) if name in model.memory.prices else "",
            "" if name == CONSTANT else _span(model.core_seconds, name),
        )
        for name, unit in _UNITS.items()
    ]
    fits = {"core-seconds": model.core_seconds, "seconds": model.seconds, "MiB": model.memory}
    errors = "; ".join(
        f"{name} {percent(fitted.error)} on average (root mean square), {percent(fitted.worst)} at worst"
        for name, fitted in fits.items()
    )
    stages = [
        (stage, *(number(fitted.prices[name]) if name in fitted.prices else "" for name in _UNITS))
        for stage, fitted in model.stages.items()
    ]
    return (
        "\n## The cost model: fitted to what was measured\n\n"
        "A photo costs a constant and a price for each of four quantities:\n\n"
        + table(("for", "core-seconds", f"seconds, alone on {cores} cores", "MiB", "measured from–to"), lines)
        + f"\nFitted by least squares to {len(model.core_seconds.residuals)} points; they are off by: {errors}. "
        "MiB for any photo are what the server holds anyway. It keeps most of the memory that it once needed, so MiB "
        f"are fitted to the {len(model.memory.residuals)} points that needed more than all before them. Tiles overlap, "
        "so that their megapixels are up to 1.3 times those of the photo; without a network for the background they "
        "are none.\n\n"
        "The same by stage, in milliseconds of a photo alone; `encode` includes putting faces back, `measure` the "
        "quality metrics:\n\n" + table(("stage", *_UNITS.values()), stages)
    )


def _span(fitted: Fit, name: str) -> str:
    low, high = fitted.limits[name]
    return f"{low:.3g}–{high:.3g}"


def _trial(model: CostModel, rows: Sequence[Mapping[str, Any]]) -> str:
    """The typical photos, which the fit has not seen."""
    lines = []
    for row in rows:
        told = model.core_seconds.predict(row["work"], beyond=True)
        memory = model.memory.predict(row["work"], beyond=True)
        measured = row["core_seconds"]["median"]
        beyond = ", ".join(_UNITS[name] for name in dict.fromkeys((*told.beyond, *memory.beyond)))
        lines.append(
            (
                row["name"],
                number(measured),
                mib(row["peak_mib"]),
                number(told.value),
                percent(told.value / measured - 1),
                mib(memory.value),
                percent(memory.value / row["peak_mib"] - 1),
                beyond,
            )
        )
    head = (
        *("photo", "measured: core-seconds", "measured: MiB", "estimated: core-seconds", "estimate off by"),
        *("estimated: MiB", "estimate off by", "beyond what was fitted"),
    )
    return (
        "\n## The model tried on photos that it has not seen\n\n"
        "The typical photos above were not among the points that it is fitted to.\n\n" + table(head, lines)
    )


def _crowds(model: CostModel, rows: Sequence[Mapping[str, Any]], cores: int) -> str:
    further = model.further_share(rows)
    lines = [
        (
            row["photo"],
            str(row["users"]),
            number(row["photos_per_hour"]),
            number(row["photos_per_hour"] / cores),
            f"{number(row['latency_seconds']['median'])} (–{number(row['latency_seconds']['max'])})",
            mib(row["peak_mib"]),
            f"{row['done']} of {row['sent']}",
            number(photos_per_hour(model.core_seconds.predict(row["work"], beyond=True).value)),
            mib(model.memory_at_once([row["work"]] * row["users"], further, beyond=True).value),
        )
        for row in rows
        if row["done"]
    ]
    head = (
        *("photo", "users", "measured: photos per hour", "measured: per hour and core", "measured: seconds (longest)"),
        *("measured: MiB at most", "measured: photos done", "estimated: per hour and core", "estimated: MiB"),
    )
    return (
        "\n## Users at once\n\n"
        "Each user sends the photo again as soon as it is back. The estimates are the model's, with all cores busy. "
        "Photos at work together need not be at their peak of memory in the same moment: here each further one added "
        f"at most {percent(further)} of what a photo needs by the model, and the estimate goes by that. Crowds that "
        "need less than 200 MiB beside the first photo are not counted: runs differ by some tens.\n\n"
        + table(head, lines)
    )


def _method(result: Mapping[str, Any]) -> str:
    return "\n## How it was measured\n\n" + "".join(f"- {line}\n" for line in _method_lines(result))


def _method_lines(result: Mapping[str, Any]) -> Iterator[str]:
    machine = result["machine"]
    yield (
        f"{machine['cpu']} ({', '.join(machine['instructions'])}), {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, Python {machine['python']}, commit {machine['commit']}."
    )
    yield (
        f"{result['minutes']} minutes; Triton kept {result['cores_of_triton']} cores busy, everything on the machine "
        f"{result['cores_of_all']}. What else ran makes seconds longer; core-seconds hardly."
    )
    used = sorted({model for row in _rows(result) for model in row["models"].values()})
    yield f"Networks: {', '.join(used)}. Calls go straight to Triton by gRPC; the gateway's share is small."
    yield (
        "Each photo is sent once before it counts, except where that took over five seconds. The first call of a new "
        "size may take longer, since the network is made ready for the size of its tiles."
    )
    yield (
        "Memory is the proportional set size of Triton and its Python stubs, looked at ten times a second. Fresh "
        f"servers held {', '.join(map(mib, result['warm_mib']))} MiB after a first photo had made all networks work."
    )
    for model, reason in result["random_weights"].items():
        refused = (
            f": {reason} Trained weights may pass; how long INT8 takes is in [models.md](models.md)" if reason else ""
        )
        yield f"{model} has random weights, which are as fast as real ones{refused}."
    if not any(row["work"][FACES] for row in _rows(result)):
        yield "**No face was restored**: there was no network for it."
    for row in result["skipped"]:
        yield f"Left out, for want of time: {row['name']}: {row['photo']}."


def _rows(result: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [*result["series"], *result["typical"]]


def main(page: Path = PAGE) -> None:
    page.write_text(capacity_page(), "utf-8")


if __name__ == "__main__":
    main()
