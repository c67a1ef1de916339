"""The simulation against what was measured: ten photos at once, users at once, and photos that come by chance."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from perf.simulation.arrivals import Arrival, poisson
from perf.simulation.demands import Costs, Measured, Prices
from perf.simulation.gateway import Outcome, Places
from perf.simulation.model import Setup, Simulation, simulate
from perf.simulation.outcomes import Summary, over_runs, summary
from perf.simulation.replica import Discipline, Server
from perf.simulation.service import MEASURED_CORES, Demand, Kind

Row = dict[str, Any]

DISCIPLINES: tuple[Discipline, ...] = get_args(Discipline)
_ANY_NUMBER = Places(at_work=1000, waiting=0)
_SEEDS = range(1, 11)
_OK, _REFUSED = 200, 503


def at_once(concurrency: Mapping[str, Any], measured: Measured) -> Iterator[Row]:
    """``perf.concurrency``: tasks at one moment, and clients that are kept at work, fed with a task alone."""
    width, height = map(int, concurrency["photo"].partition(" ")[0].split("x"))
    costs = measured.unseen("task", width, height, "realesrgan_x4", concurrency["tiles_of_a_photo"])
    alone = statistics.median(one["lone_task_seconds"] for one in concurrency["rounds"])
    demand = _as_slow_as(costs, alone)
    tasks, rounds = concurrency["tasks"], [sorted(one["task_seconds"]) for one in concurrency["rounds"]]
    ranked = [statistics.median(values) for values in zip(*rounds, strict=True)]
    yield {
        "name": f"{tasks} photos at one moment, 248×320 by x4plus",
        "measured": _figures(ranked, tasks / max(ranked)),
        **{discipline: _closed(demand, tasks, 1, discipline) for discipline in DISCIPLINES},
    }
    kept = concurrency.get("kept_at_work")
    if kept:
        each = kept["each"]
        yield {
            "name": f"{tasks} clients kept at work, the same",
            "measured": _figures(kept["task_seconds"], tasks * each / kept["seconds"]),
            **{discipline: _closed(demand, tasks, each, discipline) for discipline in DISCIPLINES},
        }


def users(crowds: Sequence[Mapping[str, Any]], measured: Measured) -> Iterator[Row]:
    """``perf.cost``'s users at once, fed with one user of the same photo. Straight to Triton: any number at work."""
    alone = {row["photo"]: row["latency_seconds"]["median"] for row in crowds if row["users"] == 1 and row["done"]}
    for row in crowds:
        if row["users"] == 1 or not row["done"] or row["photo"] not in alone:
            continue
        costs = measured.costs("user", row["work"], int(row["work"]["network_mpx"] > 0))
        demand, each = _as_slow_as(costs, alone[row["photo"]]), max(1, round(row["sent"] / row["users"]))
        seconds = row["latency_seconds"]
        yield {
            "name": f"{row['users']} users: {row['photo']}",
            "measured": {
                "median": seconds["median"],
                "longest": seconds["max"],
                "per_second": round(row["photos_per_hour"] / 3600, 3),
            },
            **{discipline: _closed(demand, row["users"], each, discipline) for discipline in DISCIPLINES},
        }


def misses(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """By discipline: how far each figure is off on average, as a part of what was measured, without its sign."""
    figures = ("median", "longest", "per_second")
    return {
        discipline: {
            figure: round(
                statistics.fmean(abs(row[discipline][figure] / row["measured"][figure] - 1) for row in rows), 3
            )
            for figure in figures
        }
        for discipline in DISCIPLINES
    }


def open_loops(result: Mapping[str, Any], places: Places) -> Iterator[Row]:
    """``perf.simulation measure``: the same photos at the same moments, and with other chance; by each discipline."""
    mix = mix_of(result["kinds"], result["cores"])
    for load in result["loads"]:
        arrivals = [Arrival(moment, mix[kind].demand) for moment, kind, *_ in load["photos"]]
        measured = _summary(load["photos"])
        simulated: dict[str, Any] = {}
        for discipline in DISCIPLINES:
            setup = Setup(Server(result["cores"], discipline=discipline), places=places)
            same = [summary(simulate(setup, _varied(arrivals, mix, seed))) for seed in _SEEDS]
            others = (poisson(mix, load["per_second"], load["seconds"], seed) for seed in _SEEDS)
            other = [summary(simulate(setup, photos)) for photos in others]
            simulated[discipline] = {"same arrivals": over_runs(same), "other arrivals": over_runs(other)}
        yield {
            **{name: load[name] for name in ("name", "share", "seconds", "per_second", "cores_of_others")},
            "measured": measured,
            "simulated": simulated,
        }


def mix_of(kinds: Sequence[Mapping[str, Any]], cores: int) -> list[Kind]:
    """Demands of the kinds that ``perf.simulation.measure`` sent alone, with the spread of those calls."""
    light = [kind for kind in kinds if not kind["tiles"]]
    host_width = statistics.fmean(kind["core_seconds"] / statistics.median(kind["seconds"]) for kind in light)
    return [_kind(kind, host_width, cores) for kind in kinds]


def _kind(measured: Mapping[str, Any], host_width: float, cores: int) -> Kind:
    """Of one kind; ``host_width``: cores that everything but the network keeps busy."""
    seconds, stages = statistics.median(measured["seconds"]), measured["stages_ms"]
    in_network = stages["upscale"] / 1000 if measured["tiles"] else 0.0
    host_seconds = max(0.001, seconds - in_network)
    host = host_seconds * host_width if in_network else measured["core_seconds"]
    tile = max(0.001, measured["core_seconds"] - host) if in_network else 0.0
    before = stages["decode"] + stages["detect"] + stages["measure"] / 2
    costs = Costs(
        kind=measured["name"],
        host=Prices.of(host, host_seconds),
        before=min(1.0, before / 1000 / host_seconds),
        faces=0,
        face=Prices(0.0, 0.0),
        restorer=0.0,
        tiles=measured["tiles"],
        tile=Prices.of(tile, in_network) if tile else Prices(0.0, 0.0),
    )
    demand = costs.demand(cores)
    return Kind(
        1, demand.times(seconds / alone_of([demand], cores)[0]), [each / seconds for each in measured["seconds"]]
    )


def _varied(arrivals: Sequence[Arrival], mix: Sequence[Kind], seed: int) -> Iterator[Arrival]:
    """The same moments and kinds; each photo is as slow as one that was alone, by chance."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    spreads = {kind.demand.kind: kind.spread for kind in mix}
    for arrival in arrivals:
        yield Arrival(arrival.time, arrival.demand.times(chance.choice(spreads[arrival.demand.kind])))


def _as_slow_as(costs: Costs, seconds: float) -> Demand:
    """The demand on the measured machine, such that a photo alone takes ``seconds``."""
    demand = costs.demand(MEASURED_CORES)
    return demand.times(seconds / alone_of([demand], MEASURED_CORES)[0])


def alone_of(demands: Sequence[Demand], cores: int) -> list[float]:
    """Seconds of each photo by itself."""
    seconds = []
    for demand in demands:
        simulation = Simulation(Setup(Server(cores)))
        simulation.closed_loop([[demand]])
        seconds += [outcome.seconds for outcome in simulation.run()]
    return seconds


def _closed(demand: Demand, users_: int, each: int, discipline: Discipline) -> dict[str, float]:
    simulation = Simulation(Setup(Server(MEASURED_CORES, discipline=discipline), places=_ANY_NUMBER))
    simulation.closed_loop([[demand] * each] * users_)
    outcomes = simulation.run()
    return _figures([outcome.seconds for outcome in outcomes], summary(outcomes).per_second)


def _figures(seconds: Sequence[float], per_second: float) -> dict[str, float]:
    figures = {"median": statistics.median(seconds), "longest": max(seconds), "per_second": per_second}
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _summary(photos: Sequence[Sequence[Any]]) -> dict[str, float]:
    """Of the rows of an open loop: as ``summary`` has it of outcomes."""
    outcomes = []
    for moment, kind, status, seconds in photos:
        end = "done" if status == _OK else "refused" if status == _REFUSED else "failed"
        outcomes.append(Outcome(str(kind), moment, end, None, moment + seconds, 1))  # type: ignore[arg-type]
    return _plain(summary(outcomes))


def _plain(one: Summary) -> dict[str, float]:
    return {name: float(f"{getattr(one, name):.4g}") for name in Summary.__dataclass_fields__}


def alone(measured: Measured) -> list[Row]:
    """The typical photos by themselves: measured seconds, and the simulation's, which is fed with core-seconds."""
    rows = []
    for name, row in measured.typical.items():
        costs, factor = measured.typical_costs(name)
        simulated = alone_of([costs.demand(MEASURED_CORES, factor)], MEASURED_CORES)[0]
        rows.append({"name": name, "measured": row["seconds"]["median"], "simulated": float(f"{simulated:.3g}")})
    return rows
