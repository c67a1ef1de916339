"""What a photo costs: time, processor time and memory against pixels, scale, faces and users at once.

    python -m perf.cost [--models DIR] [--short]

Starts the embedded Triton with the exported models and sends photos by gRPC, one after the other and then many at once.
Takes under eight minutes on two cores: a point that there is no time for is left out and listed. Writes
``perf/results/cost.json``, and plots beside it (``perf.cost.figures``); ``python -m perf.cost.page`` makes
docs/capacity.md of it.

Without the published weights no face is restored. ``--models DIR`` adds models from a folder, such as random ones,
which are as fast as real ones: ``limner export --seeded gfpgan parsenet --output DIR``. ``--short`` takes under a
minute, shows that everything works, and prints what it found instead of writing it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT, Settings
from perf.cost.figures import write_figures
from perf.cost.flops import network_flops
from perf.cost.measure import measure_plan, warm_up
from perf.cost.plan import LONG, SHORT, Plan
from perf.cost.repository import random_weights, settings_with
from perf.gateway import pid_of_triton
from perf.machine import describe_machine
from perf.watch import MIB, Watch, machine_core_seconds
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "cost.json"
ROWS = ("series", "crowds", "typical", "skipped")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=Path, metavar="DIR", help="a folder of exported models, used first")
    parser.add_argument("--short", action="store_true", help="a few small photos; nothing is written")
    arguments = parser.parse_args()
    with settings_with(arguments.models) as settings:
        result = run(SHORT if arguments.short else LONG, settings)
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if arguments.short:
        sys.stdout.write(text)
    else:
        RESULTS.write_text(text, "utf-8")
        write_figures(result, RESULTS.parent)


def run(plan: Plan, settings: Settings) -> dict[str, Any]:
    """The whole result: each part of ``plan`` with a fresh server."""
    ends = time.monotonic() + plan.seconds
    parts = []
    for part in plan.parts():
        with Supervisor(settings, Endpoint(free_port(), free_port())) as supervisor:
            parts.append(measured(part, supervisor, ends))
    total = {name: sum(part["spent"][name] for part in parts) for name in parts[0]["spent"]}
    return {
        "machine": describe_machine(),
        "minutes": round(total["seconds"] / 60, 1),
        "cores_of_triton": round(total["triton"] / total["seconds"], 2),
        "cores_of_all": round(total["machine"] / total["seconds"], 2),
        "flops": network_flops(settings.models_dir),
        "random_weights": random_weights(settings.models_dir),
        "warm_mib": [part["warm_mib"] for part in parts],
        **{rows: [row for part in parts for row in part[rows]] for rows in ROWS},
    }


def measured(plan: Plan, supervisor: Supervisor, ends: float) -> dict[str, Any]:
    """All that ``plan`` asks for, of one running server, and what was spent meanwhile, in seconds of one core."""
    restarts = supervisor.restarts
    watch = Watch(pid_of_triton(supervisor))
    warm_up(supervisor.endpoint.url, plan)
    started, busy, ours = time.time(), machine_core_seconds(), watch.core_seconds()
    result: dict[str, Any] = {"warm_mib": round(watch.memory() / MIB, 1)} | {rows: [] for rows in ROWS}
    for rows, row in measure_plan(plan, supervisor.endpoint.url, watch, ends):
        result[rows].append(row)
        sys.stderr.write(f"{row['name']}: {row['photo']}: {_told(row)}\n")
    if supervisor.restarts != restarts:
        raise SystemExit("Triton was restarted meanwhile: the figures would be worth nothing")
    result["spent"] = {
        "seconds": time.time() - started,
        "triton": watch.core_seconds() - ours,
        "machine": machine_core_seconds() - busy,
    }
    return result


def _told(row: dict[str, Any]) -> str:
    seconds = row.get("seconds") or row.get("latency_seconds")
    return f"{seconds['median']} s, {row['peak_mib']} MiB" if seconds else "left out, no time"


if __name__ == "__main__":
    main()
