"""How many servers, what a burst does, what a loss costs: simulated, and checked against the real server.

    python -m perf.simulation measure [--short]     the real gateway and Triton: perf/results/simulation-measured.json
    python -m perf.simulation run                   the simulation: perf/results/simulation.json, docs/capacity/*.svg

``measure`` takes some five minutes of a machine that has nothing else to do; ``--short`` half a minute, and prints what
it found instead of writing it. ``run`` takes one to two minutes on two cores and needs ``perf/results/cost.json`` and
``concurrency.json``; without a measured run it leaves out the comparison with it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

from limner.settings import PROJECT_ROOT, Settings
from perf.cost.gpu import GPUS
from perf.gateway import Gateway, pid_of_triton, tidy_when_terminated
from perf.machine import describe_machine
from perf.simulation import runs, validate
from perf.simulation.demands import Measured
from perf.simulation.gateway import Places
from perf.simulation.measure import LONG, SHORT, measure
from perf.simulation.plots import write_plots
from perf.simulation.scenarios import CORES, GATEWAY_COUNTS, GPU_MIXES, LOSSES, MIXES, PORTRAITS, SCALINGS, Burst
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

FOLDER = PROJECT_ROOT / "perf" / "results"
MEASURED, SIMULATED = FOLDER / "simulation-measured.json", FOLDER / "simulation.json"
PLOTS = PROJECT_ROOT / "docs" / "capacity"
NO_CANARIES = 3600
"""Seconds between two canaries: their work would be counted as the photos'."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    of_measure = commands.add_parser("measure", help="drive the real server")
    of_measure.add_argument("--short", action="store_true", help="a few photos; nothing is written")
    commands.add_parser("run", help="simulate")
    wanted = parser.parse_args()
    if wanted.command == "measure":
        _measure(short=wanted.short)
    else:
        _run()


def _measure(*, short: bool) -> None:
    tidy_when_terminated()
    os.environ["LIMNER_CANARY_INTERVAL"] = str(NO_CANARIES)
    with (
        Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor,
        Gateway(supervisor.endpoint.url, None) as gateway,
    ):
        restarts, cores = supervisor.restarts, len(os.sched_getaffinity(0))
        found = measure(SHORT if short else LONG, gateway.url, cores, gateway.pid, pid_of_triton(supervisor))
        if supervisor.restarts != restarts:
            raise SystemExit("Triton was restarted meanwhile: the figures would be worth nothing")
    result = {"machine": describe_machine(), **found}
    if short:
        sys.stdout.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    else:
        MEASURED.write_text(_text(result), "utf-8")


def _run() -> None:
    begun = time.monotonic()
    cost, concurrency = (json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in ("cost", "concurrency"))
    measured = json.loads(MEASURED.read_text("utf-8")) if MEASURED.is_file() else None
    result = simulated(cost, concurrency, measured)
    SIMULATED.write_text(_text(result), "utf-8")
    write_plots(result, PLOTS)
    sys.stderr.write(f"{time.monotonic() - begun:.0f} s\n")


def simulated(
    cost: Mapping[str, Any], concurrency: Mapping[str, Any], measured: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The whole result."""
    source = Measured(cost)
    spread = source.spread
    if measured is not None:
        mix = validate.mix_of(measured["kinds"], measured["cores"])
        spread = tuple(factor for kind in mix for factor in kind.spread)
    portraits = PORTRAITS.on_cpu(source, Burst().server.cores, spread)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:

        def all_of(function: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Future[Any]]:
            return [pool.submit(function, *each) for each in arguments]

        parts = {
            "cpu": all_of(runs.sizes_on_cpu, *((source, mix, cores, spread) for mix in MIXES for cores in CORES)),
            "gpu": all_of(runs.sizes_on_gpu, *((source, mix, gpu, spread) for mix in GPU_MIXES for gpu in GPUS)),
            "gateways": all_of(runs.with_gateways, *((source, count, spread) for count in GATEWAY_COUNTS)),
            "curves": all_of(runs.curve, *((source, cores, spread) for cores in CORES)),
            "bursts": all_of(runs.burst, *((portraits, scaling, Burst()) for scaling in SCALINGS)),
            "losses": all_of(runs.loss, *((portraits, plan) for plan in LOSSES)),
        }
        checked = [*validate.at_once(concurrency, source), *validate.users(cost["crowds"], source)]
        loops = list(validate.open_loops(measured, Places())) if measured is not None else []
        return {
            "spread": {"factors": len(spread), "from": "measured run" if measured else "cost"},
            "alone": validate.alone(source),
            "checked": checked,
            "misses": validate.misses(checked),
            "open_loops": loops,
            **{name: [future.result() for future in futures] for name, futures in parts.items()},
        }


def _text(result: Mapping[str, Any]) -> str:
    """JSON, with each list of plain values on one line."""
    text = json.dumps(result, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^][{}]*\]", lambda values: re.sub(r"\s*\n\s*", " ", values[0]), text) + "\n"


if __name__ == "__main__":
    main()
