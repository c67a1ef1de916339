"""Figures that pages written by hand quote are those of the results."""

from __future__ import annotations

import json
import re
from typing import Any

from limner.settings import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "perf" / "results"


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def row(page: str, title: str) -> str:
    """The rest of the line of a table that begins with ``title``."""
    text = (PROJECT_ROOT / page).read_text("utf-8")
    (found,) = re.findall(rf"^\| {title}[^|]*\| (.*) \|$", text, re.MULTILINE)
    return str(found)


def test_thresholds_of_scaling_are_the_simulated_ones() -> None:
    page, places = "docs/kubernetes.md", 10
    thresholds = [float(cell) for cell in row(page, "waiting calls").split(" | ")]
    ready_soon = [one for one in result("simulation")["bursts"] if one["start"] == [60, 120]]
    bursts = {(one["threshold"], one["max_tasks"]): one for one in ready_soon}
    shown = [bursts[threshold, places] for threshold in thresholds]
    refused = (one["burst"]["refused"]["mean"] / one["burst"]["photos"]["mean"] for one in shown)
    assert row(page, "refused in the burst") == " | ".join(f"{share:.1%}".replace("%", " %") for share in refused)
    assert row(page, "seconds not in time") == " | ".join(f"{one['late_seconds']['mean']:.0f}" for one in shown)
    assert row(page, "replica-hours in the hour") == " | ".join(f"{one['replica_hours']['mean']:.2f}" for one in shown)


def test_goals_of_ten_tasks_are_met_as_measured() -> None:
    measured = result("concurrency")
    throughput, memory = (row("perf/README.md", title) for title in ("ten tasks at once: 0.9", "total memory"))
    rounds = sorted(measured["rounds"], key=lambda one: one["networks_alone_seconds"] / one["seconds"])
    for figures in (
        [f"{one['networks_alone_seconds'] / one['seconds']:.2f}" for one in rounds],
        [f"{one['seconds']:.1f}" for one in rounds],
        [f"{one['networks_alone_seconds']:.1f}" for one in rounds],
    ):
        assert "{}, {} and {}".format(*figures) in throughput
    assert re.findall(r"[0-9.]+ GB", memory) == [f"{one['peak_bytes'] / 1e9:.2f} GB" for one in measured["memory"]]
