"""Carries scenarios out, each with several seeds, as JSON."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from perf.cost.gpu import Gpu
from perf.simulation.arrivals import burst_rate, by_rate, peak_rate, poisson
from perf.simulation.autoscale import Scaled
from perf.simulation.demands import Measured
from perf.simulation.gateway import Outcome
from perf.simulation.model import Setup, Simulation
from perf.simulation.outcomes import between, over_runs, over_seeds, summary
from perf.simulation.replica import Server
from perf.simulation.scenarios import (
    GATEWAY_TRIAL_REPLICAS,
    GATEWAYS,
    GPU_CORES,
    PHOTOS_A_DAY,
    PORTRAITS,
    Burst,
    Loss,
    NamedMix,
    Scaling,
)
from perf.simulation.service import Mix, mean_core_seconds
from perf.simulation.sizing import GOAL_SECONDS, Fleet, size

Row = dict[str, Any]
SEEDS = (1, 2, 3)
_LOSS_SEEDS = (1, 2, 3, 4, 5, 6)
_BIN = 30.0
"""Seconds of a point of a curve."""


def sizes_on_cpu(measured: Measured, mix: NamedMix, cores: int, spread: Sequence[float]) -> Row:
    """Replicas of ``cores`` cores for all numbers of photos a day."""
    demands = mix.on_cpu(measured, cores, spread)
    fleet = Fleet(Server(cores), demands, GATEWAYS)
    return {"mix": mix.name, "server": f"{cores} cores", "core_seconds": mean_core_seconds(demands), **_sizes(fleet)}


def sizes_on_gpu(measured: Measured, mix: NamedMix, gpu: Gpu, spread: Sequence[float]) -> Row:
    """The same with the networks on a GPU."""
    fleet = Fleet(Server(GPU_CORES, gpu=True), mix.on_gpu(measured, gpu, spread), GATEWAYS)
    return {"mix": mix.name, "server": gpu.name, **_sizes(fleet)}


def _sizes(fleet: Fleet) -> Row:
    alone = fleet.alone()
    found: list[Row] = []
    for photos_a_day in PHOTOS_A_DAY:
        before = found[-1] if found else {"replicas": 1}
        if before["replicas"] is None:  # more photos do not make it easier
            found.append(before | {"photos_a_day": photos_a_day, "by_load": fleet.least(peak_rate(photos_a_day))})
        else:
            found.append(size(fleet, photos_a_day, before["replicas"]))
    return {"alone": {"p50": round(alone.p50, 3), "p95": round(alone.p95, 3)}, "sizes": found}


def with_gateways(measured: Measured, gateways: int, spread: Sequence[float]) -> Row:
    """A million portraits a day on a given fleet, behind so many gateways."""
    fleet = Fleet(Server(4), PORTRAITS.on_cpu(measured, 4, spread), gateways)
    runs = [fleet.run(GATEWAY_TRIAL_REPLICAS, peak_rate(1e6), 8000, seed) for seed in SEEDS]
    places = fleet.setup(GATEWAY_TRIAL_REPLICAS).places.at_work
    return {"gateways": gateways, "max_tasks": places, **over_runs(runs)}


def curve(measured: Measured, cores: int, spread: Sequence[float]) -> Row:
    """p95 of portraits against the load of four replicas behind two gateways."""
    mix = PORTRAITS.on_cpu(measured, cores, spread)
    fleet, replicas = Fleet(Server(cores), mix, GATEWAYS), 4
    points = []
    for load in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        rate = load * replicas * cores / mean_core_seconds(mix)
        runs = [fleet.run(replicas, rate, 1500, seed) for seed in SEEDS]
        points.append({"load": load, "p95": over_seeds([run.p95 for run in runs])})
    return {"cores": cores, "points": points}


def burst(mix: Mix, scaling: Scaling, plan: Burst, seeds: Sequence[int] = SEEDS) -> Row:
    """What ``scaling`` makes of a burst."""
    results = [_burst(mix, scaling, plan, seed) for seed in seeds]
    whole, inside = ([summary(result[part]) for result in results] for part in ("all", "burst"))
    return {
        "name": scaling.name,
        "max_tasks": scaling.places.at_work,
        "threshold": scaling.policy.threshold if scaling.policy else None,
        "start": list(scaling.policy.start) if scaling.policy else None,
        "whole": over_runs(whole),
        "burst": over_runs(inside),
        "replica_hours": over_seeds([result["replica_hours"] for result in results]),
        "most_replicas": over_seeds([float(result["most"]) for result in results]),
        "late_seconds": over_seeds([result["late"] for result in results]),
        "curve": results[0]["curve"],
        "replicas": results[0]["replicas"],
    }


def _burst(mix: Mix, scaling: Scaling, plan: Burst, seed: int) -> Row:
    simulation = Simulation(Setup(plan.server, scaling.replicas, plan.gateways, scaling.places), seed)
    highest = plan.usual * plan.times
    rate = burst_rate(plan.usual, plan.times, plan.begin, plan.end)
    simulation.open_loop(by_rate(mix, rate, highest, plan.until, seed))
    scaled = Scaled(simulation, scaling.policy, plan.until, seed) if scaling.policy else None
    outcomes = simulation.run()
    steady = [(0.0, scaling.replicas, scaling.replicas)]
    history = scaled.history if scaled else steady
    points = _curve(outcomes, plan.until)
    hours = scaled.replica_hours(plan.until) if scaled else scaling.replicas * plan.until / 3600
    return {
        "all": between(outcomes, plan.begin / 2, plan.until),
        "burst": between(outcomes, plan.begin, plan.end),
        "replica_hours": hours,
        "most": max(running for *_, running in history),
        "late": sum(_BIN for *_, p95, refused in points if p95 > GOAL_SECONDS or refused),
        "curve": points,
        "replicas": [[round(moment), running] for moment, _, running in _changes(history)],
    }


def _changes(history: Sequence[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    """Those entries at which the number of running replicas changed."""
    return [one for number, one in enumerate(history) if number == 0 or one[2] != history[number - 1][2]]


def _curve(outcomes: Sequence[Outcome], until: float) -> list[list[float]]:
    """For each span of arrivals: its begin, p95 of those that were done, and the share refused."""
    points: list[list[float]] = []
    for number in itertools.count():
        begin = number * _BIN
        if begin >= until:
            return points
        part = between(outcomes, begin, begin + _BIN)
        one = summary(part) if part else None
        points.append([begin, round(one.p95, 2), round(one.refused / one.photos, 3)] if one else [begin, 0.0, 0.0])
    return points


def loss(mix: Mix, plan: Loss, seeds: Sequence[int] = _LOSS_SEEDS) -> Row:
    """What a replica's or a gateway's end costs, in the five minutes from then on."""
    results = [_loss(mix, plan, seed) for seed in seeds]
    spans = [[outcome for outcome in result if _ended_since(outcome, plan.moment)] for result in results]
    late = [sum(one.status == "done" and one.seconds > GOAL_SECONDS for one in span) for span in spans]
    moved = [sum(one.attempts > 1 for one in span) for span in spans]
    longest = [max(one.seconds for one in span if one.status == "done") for span in spans]
    return {
        "name": plan.name,
        "after": over_runs([summary(span) for span in spans]),
        "late": over_seeds([float(count) for count in late]),
        "moved": over_seeds([float(count) for count in moved]),
        "longest": over_seeds(longest),
        "curve": _mean_curve([_curve(result, plan.until) for result in results]),
    }


_AFTER = 300.0


def _ended_since(outcome: Outcome, moment: float) -> bool:
    return outcome.ended >= moment and outcome.arrived < moment + _AFTER


def _loss(mix: Mix, plan: Loss, seed: int) -> list[Outcome]:
    simulation = Simulation(Setup(plan.server, plan.replicas, plan.gateways, plan.places), seed)
    simulation.open_loop(poisson(mix, plan.rate, plan.until, seed))
    if plan.what == "replica":
        simulation.at(plan.moment, lambda: simulation.kill(simulation.replicas[0], plan.silence))
        simulation.at(plan.moment + plan.restart, simulation.add_replica)
    elif plan.what == "gateway":
        simulation.at(plan.moment, simulation.gateways[0].die)
        simulation.at(plan.moment + plan.restart, simulation.add_gateway)
    return simulation.run()


def _mean_curve(curves: Sequence[list[list[float]]]) -> list[list[float]]:
    return [
        [round(statistics.fmean(values), 3) for values in zip(*points, strict=True)]
        for points in zip(*curves, strict=True)
    ]
