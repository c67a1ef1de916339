"""The simulation's part of docs/capacity.md, made from ``perf/results/simulation.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from perf.cost.tables import number, percent, table
from perf.simulation.arrivals import DAILY_CURVE, PEAK
from perf.simulation.events_section import bursts, losses, ranged
from perf.simulation.scenarios import (
    CORES,
    GATEWAY_TRIAL_REPLICAS,
    GATEWAYS,
    GPU_CORES,
    MIXES,
    PHOTOS_A_DAY,
)
from perf.simulation.sizing import GOAL_SECONDS, PLACES_A_REPLICA

Row = Mapping[str, Any]
Rows = Sequence[Row]

_KINDS = ("mean", "p50", "p95", "per_second")


def simulation_sections(path: Path) -> str:
    """All of it; nothing where nothing has been simulated."""
    if not path.is_file():
        return ""
    result = json.loads(path.read_text("utf-8"))
    parts = (
        _model(result),
        _check(result),
        _open_loops(result["open_loops"]),
        _sizes(result["cpu"], result["spread"]),
        _gpus(result["gpu"]),
        _gateways(result["gateways"]),
        bursts(result["bursts"]),
        losses(result["losses"]),
    )
    return "".join(parts)


def _model(result: Row) -> str:
    alone = [
        (
            row["name"],
            number(row["measured"]),
            number(row["simulated"]),
            percent(row["simulated"] / row["measured"] - 1),
        )
        for row in result["alone"]
    ]
    head = ("photo alone, 2 cores", "measured: seconds", "simulated: seconds", "off by")
    return (
        "\n## Simulation: what is simulated, and checked against what was measured\n\n"
        "`python -m perf.simulation run` plays gateways and Tritons on a clock of its own (SimPy), fed with the "
        "core-seconds above. Gateways have places (`LIMNER_MAX_TASKS` at work, `LIMNER_MAX_QUEUE` waiting, more get a "
        "503), and give a photo to the Triton that has the fewest of theirs. In Triton each network answers one call "
        "after the other, or a batch, first come first served; steps and networks that are at work share the cores. "
        "More than 2 cores were never measured: their part below is **assumed** to follow Amdahl's law with the serial "
        "share seen on two (seconds × 2 ÷ core-seconds − 1: a tenth for the networks, most of the rest).\n\n"
        + table(head, alone)
    )


def _check(result: Row) -> str:
    disciplines = list(result["misses"])
    lines = [
        (
            row["name"],
            _pair(row["measured"]),
            *(_pair(row[discipline]) for discipline in disciplines),
        )
        for row in result["checked"]
    ]
    misses = [
        (name, *(percent(errors[figure]) for figure in ("median", "longest", "per_second")))
        for name, errors in result["misses"].items()
    ]
    best = min(result["misses"], key=lambda name: sum(result["misses"][name].values()))
    return (
        "\nThree ways to share a Triton were tried on runs that had been measured before (`perf.concurrency`, "
        "`perf.cost`), each fed with a photo alone: networks answer calls *in turn*; all calls *share* the cores; "
        "*photo by photo*. Median seconds (longest):\n\n"
        + table(("run", "measured: seconds", *(f"simulated: {name}" for name in disciplines)), lines)
        + "\nOff by, on average over these runs:\n\n"
        + table(("simulated", "median", "longest", "photos a second"), misses)
        + f"\nBest overall: **{best}**. What follows is *in turn*, which is how Triton is configured, and which alone "
        "has photos that come at one moment end in pairs, as they do. Users at once are few photos each, and vary "
        "more than the ways differ.\n"
    )


def _pair(figures: Row) -> str:
    return f"{number(figures['median'])} ({number(figures['longest'])})"


def _open_loops(loops: Rows) -> str:
    if not loops:
        return "\nThe real server has not been measured under photos that come by chance.\n"
    lines = [line for loop in loops for line in _loop(loop)]
    others = ", ".join(f"{loop['name']} {loop['cores_of_others']:g}" for loop in loops)
    head = ("load", "figure", "measured", "simulated, same arrivals", "off by", "simulated, other arrivals")
    return (
        "\n### The real server under photos that come by chance\n\n"
        "`python -m perf.simulation measure` sends two kinds of small photos by chance (Poisson, seeded) to the real "
        "gateway and Triton on one machine, and times each from the first byte to the last; the simulation gets what "
        "the same photos took alone, in the same run. *Same arrivals*: the same photos at the same moments, and only "
        "their slowness by chance; mean and range of ten seeds. Cores that something else on the machine took "
        f"meanwhile: {others}; they are missing in the simulation.\n\n"
        + table(head, lines)
        + f"\n{_leaning(loops)}\n\n![Measured and simulated waits](capacity/check.svg)\n"
    )


def _leaning(loops: Rows) -> str:
    """Whether replicas by the simulation are rather too many or too few."""
    off = sorted(
        loop["simulated"]["in turn"]["same arrivals"]["p95"]["mean"] / loop["measured"]["p95"] - 1 for loop in loops
    )
    if off[0] > 0:
        leaning = "above the measured one: numbers of replicas below are rather too high than too low"
    elif off[-1] < 0:
        leaning = "from the measured one, which is higher: numbers of replicas below are rather too low than too high"
    else:
        leaning = "from the measured one, on either side"
    return f"The simulated p95 is {percent(off[0])} to {percent(off[-1])} {leaning}."


def _loop(loop: Row) -> Iterator[tuple[str, ...]]:
    measured, found = loop["measured"], loop["simulated"]["in turn"]
    same, other = found["same arrivals"], found["other arrivals"]
    name = f"{loop['name']}: {percent(loop['share'])}, {loop['per_second']:.3g} photos a second"
    labels = dict(zip(_KINDS, ("mean, s", "median, s", "p95, s", "photos a second, done"), strict=True))
    for figure, text in labels.items():
        off = percent(same[figure]["mean"] / measured[figure] - 1)
        yield name, text, number(measured[figure]), ranged(same[figure]), off, ranged(other[figure])
    refused = f"{measured['refused']:g} of {measured['photos']:g}"
    points = percent((same["refused"]["mean"] - measured["refused"]) / measured["photos"])
    yield name, "refused (503)", refused, ranged(same["refused"]), f"{points} of the photos", ranged(other["refused"])


def _sizes(rows: Rows, spread: Row) -> str:
    hours = ", ".join(f"{share:g}" for share in DAILY_CURVE)
    mixes = "; ".join(
        f"**{mix.name}**: " + ", ".join(f"{percent(share)} {name}" for name, share in mix.shares.items())
        for mix in MIXES
    )
    return (
        f"\n## Replicas for p95 ≤ {GOAL_SECONDS:g} s: simulated\n\n"
        f"The busiest hour of a day, in which photos come by chance at {PEAK:g} times the mean. The day is assumed "
        f"(photos of each hour from midnight on, in means): {hours}. {mixes}. Each photo is slower or faster by a "
        f"factor drawn from {spread['factors']} that were measured ({_SOURCES[spread['from']]}). Replicas are the "
        f"fewest whose p95 stays within {GOAL_SECONDS:g} s with no more than 1 of 1,000 refused, for each of three "
        f"seeds, behind {GATEWAYS} gateways whose `LIMNER_MAX_TASKS` gives {PLACES_A_REPLICA} places a replica (at "
        "least 10 a gateway). In brackets: replicas by the work alone, were nobody to wait; then p95, mean of the "
        "seeds. No replica is kept for a failure: add one.\n\n"
        + table(
            ("mix", "server", "p95 alone, s", *(f"{photos:,} a day" for photos in PHOTOS_A_DAY)),
            [_size(row) for row in rows],
        )
        + "\n**never**: a photo alone takes longer, so that no number of replicas helps; a faster server does. **–**: "
        "six times what the work alone takes is not enough, since nearly every wait is too long: take larger "
        f"replicas. 2 cores are what was measured; {CORES[1]} and {CORES[2]} are Amdahl's law. p95 says nothing of the "
        "slowest twentieth: in the mix those are the photos with three faces, which take longer than the goal on "
        "each of these CPUs.\n\n"
        "![p95 by load, and replicas by photos a day](capacity/sizes.svg)\n"
    )


_SOURCES = {"measured run": "photos alone in the measured run", "cost": "repeated photos of `perf.cost`"}


def _size(row: Row) -> tuple[str, ...]:
    return row["mix"], row["server"], number(row["alone"]["p95"]), *map(_count, row["sizes"])


def _count(size: Row) -> str:
    if "alone_p95" in size:
        return "never"
    if size["replicas"] is None:
        return f"– ({size['by_load']})"
    return f"**{size['replicas']}** ({size['by_load']}; {number(size['p95']['mean'])} s)"


def _gpus(rows: Rows) -> str:
    return (
        "\n## GPUs for the same: simulated with estimated seconds, nothing measured\n\n"
        "The networks take the seconds that are estimated above for each GPU, one call at a time of each network, "
        f"without a gain from batches; the rest takes the core-seconds left, on {GPU_CORES} cores beside each GPU "
        "(an assumption).\n\n"
        + table(
            ("mix", "GPU", "p95 alone, s", *(f"{photos:,} a day" for photos in PHOTOS_A_DAY)),
            [_size(row) for row in rows],
        )
    )


def _gateways(rows: Rows) -> str:
    lines = [(str(row["gateways"]), str(row["max_tasks"]), *(ranged(row[name]) for name in _KINDS[:3])) for row in rows]
    return (
        "\n## Few gateways with many places: simulated\n\n"
        "A gateway knows only its own photos: two of them may give theirs to the same Triton while another is idle. A "
        f"million ID portraits a day, {GATEWAY_TRIAL_REPLICAS} replicas of 4 cores:\n\n"
        + table(("gateways", "`LIMNER_MAX_TASKS`", "mean, s", "p50, s", "p95, s"), lines)
        + "\nSo keep gateways few (two, for safety), and give each more places instead. Photos at work take memory in "
        "Triton, so the places of all gateways together are bounded by what the replicas hold.\n"
    )
