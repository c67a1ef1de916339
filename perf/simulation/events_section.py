"""What docs/capacity.md says of bursts and losses, from ``perf/results/simulation.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perf.cost.tables import number, percent, table
from perf.simulation.scenarios import GATEWAYS, LOSSES, SCALINGS, Burst
from perf.simulation.sizing import GOAL_SECONDS

Row = Mapping[str, Any]
Rows = Sequence[Row]


def ranged(figures: Row) -> str:
    """Mean of several seeds, and the smallest and largest."""
    if figures["min"] == figures["max"]:
        return number(figures["mean"])
    return f"{number(figures['mean'])} ({number(figures['min'])}–{number(figures['max'])})"


def bursts(rows: Rows) -> str:
    """Autoscaling and fixed fleets in a burst."""
    plan = Burst()
    lines = [
        (
            row["name"],
            str(row["max_tasks"]),
            percent(row["burst"]["refused"]["mean"] / row["burst"]["photos"]["mean"]),
            ranged(row["burst"]["p95"]),
            number(row["late_seconds"]["mean"] / 60),
            number(row["most_replicas"]["mean"]),
            ranged(row["replica_hours"]),
        )
        for row in rows
    ]
    head = ("replicas", "`LIMNER_MAX_TASKS`", "refused in the burst", "p95 in the burst, s")
    policy = next(scaling.policy for scaling in SCALINGS if scaling.policy)
    return (
        "\n## Autoscaling in a burst: simulated\n\n"
        f"ID portraits, replicas of 4 cores, {GATEWAYS} gateways, {plan.usual:g} photos a second; from minute "
        f"{plan.begin / 60:g} to {plan.end / 60:g} {plan.times:g} times as many. KEDA looks every {policy.poll:g} s "
        "at `sum(rate(nv_inference_queue_duration_us[1m])) / 1e6`, which is how many calls wait in all Tritons, and "
        f"wants one replica for each *threshold* of them, {policy.least} to {policy.most}; it at most doubles them (or "
        f"adds {policy.up_step}) in {policy.up_period:g} s, and takes one away in {policy.down_period:g} s after "
        f"{policy.cooldown:g} s of a smaller load, as the chart has it. A new replica takes 60 to 120 s, or 6 minutes "
        "where each exports first. Refused photos do not come again.\n\n"
        + table((*head, "minutes not in time", "most replicas", "replica-hours in the hour"), lines)
        + f"\n{_advice(rows)}\n\n![A burst](capacity/burst.svg)\n\n![Thresholds](capacity/thresholds.svg)\n"
    )


_AS_GOOD = 1.25


def recommended(rows: Rows) -> float | None:
    """The largest threshold that refuses hardly more than the best one, with the default places; None without rows."""
    default = min((row["max_tasks"] for row in rows), default=0)
    scaled = {
        row["threshold"]: row["burst"]["refused"]["mean"]
        for row in rows
        if row["threshold"] is not None and row["max_tasks"] == default and row["start"][0] < 120
    }
    limit = _AS_GOOD * min(scaled.values(), default=0.0)
    return max((threshold for threshold, refused in scaled.items() if refused <= limit), default=None)


def _advice(rows: Rows) -> str:
    return (
        f"**Threshold: {recommended(rows):g}.** Triton sees only photos that have a place at a gateway; the others "
        "wait in the gateway, or are refused. With 2 × 10 places the calls that wait in Triton stay below a high "
        "threshold however many photos come, and the autoscaler stops early. Either the threshold is low, or "
        "`LIMNER_MAX_TASKS` is high. In the first minutes of a burst nothing but spare replicas helps: a fixed fleet "
        "for the burst costs more hours and refuses nobody. Models must be on a volume before: with an export by each "
        "pod the burst is nearly over when the pods are there."
    )


def losses(rows: Rows) -> str:
    """A replica or a gateway that ends."""
    plan = LOSSES[0]
    lines = [
        (
            row["name"],
            ranged(row["after"]["failed"]),
            ranged(row["moved"]),
            ranged(row["late"]),
            ranged(row["after"]["p95"]),
            ranged(row["longest"]),
            ranged(row["after"]["refused"]),
        )
        for row in rows
    ]
    head = ("what happens", "failed", "given to another", f"later than {GOAL_SECONDS:g} s", "p95, s", "longest, s")
    return (
        "\n## What a loss costs: simulated\n\n"
        f"ID portraits, {plan.replicas} replicas of 4 cores, {plan.rate:g} photos a second, {GATEWAYS} gateways; "
        "counted are the photos of the five minutes from the loss on, mean and range of the seeds. A gateway that "
        "ends takes with it the tasks that it has, at work and waiting; with Redis its finished results stay.\n\n"
        + table((*head, "refused"), lines)
        + "\n![A loss](capacity/losses.svg)\n"
    )
