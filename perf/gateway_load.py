"""How fast the gateway answers what does not wait for inference: 100 clients, nothing or 10 tasks at work.

    python -m perf.gateway_load [--seconds 60] [--store memory|redis]

Starts the embedded Triton with the exported models, and for each store a gateway (``limner serve``) and the clients
(:mod:`perf.load_clients`), each a process of its own, all on loopback and of the same priority. Three runs each: idle,
10 tasks at work with a second between calls, and with 0.2 s. The tasks are portraits of 180×240 enlarged by Real-ESRGAN
and replaced as they end, so that Triton keeps all cores busy. Writes ``perf/results/gateway-load.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from limner.settings import PROJECT_ROOT, Settings
from perf.gateway import Gateway, pid_of_triton, redis_server
from perf.load_clients import SIZE
from perf.machine import describe_machine
from perf.watch import Watch, machine_core_seconds
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "gateway-load.json"
CLIENTS, LISTENERS, TASKS = 100, 10, 10
RUNS = ((0, 1.0), (TASKS, 1.0), (TASKS, 0.2))
"""Tasks at work, and seconds between an answer and the next call."""

GOAL_SECONDS = 0.2


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--seconds", type=float, default=60.0, help="of each run")
    arguments.add_argument("--store", choices=("memory", "redis"), help="this one alone; nothing is written then")
    wanted = arguments.parse_args()
    runs = []
    with Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor:
        for store in (wanted.store,) if wanted.store else ("memory", "redis"):
            with (
                redis_server() if store == "redis" else contextlib.nullcontext() as redis_url,
                Gateway(supervisor.endpoint.url, redis_url) as gateway,
            ):
                for tasks, think in RUNS:
                    runs.append({"store": store, **measure(gateway, supervisor, tasks, think, wanted.seconds)})
                    sys.stdout.write(json.dumps(runs[-1], indent=2) + "\n")
    result = {
        "machine": describe_machine(),
        "photo": "{}x{} JPEG, x2 by Real-ESRGAN x4plus".format(*SIZE),
        "clients": CLIENTS,
        "of_which_listen_to_events": LISTENERS,
        "runs": runs,
    }
    if not wanted.store:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def measure(gateway: Gateway, supervisor: Supervisor, tasks: int, think: float, seconds: float) -> dict[str, object]:
    """One run of the clients, and what the gateway itself counted meanwhile."""
    watched = {"gateway_cores": Watch(gateway.pid), "triton_cores": Watch(pid_of_triton(supervisor))}
    before = {name: watch.core_seconds() for name, watch in watched.items()}
    answered, started, busy = _answered(gateway.url), time.time(), machine_core_seconds()
    load = {"clients": CLIENTS, "listeners": LISTENERS, "tasks": tasks, "think": think, "seconds": seconds}
    options = [part for name, value in load.items() for part in (f"--{name}", str(value))]
    clients = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "perf.load_clients", gateway.url, *options],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 120,
    )
    wall = time.time() - started
    fast, every = (after - earlier for after, earlier in zip(_answered(gateway.url), answered, strict=True))
    return {
        "tasks_at_work": tasks,
        "think_seconds": think,
        "seconds": seconds,
        **json.loads(clients.stdout),
        **{name: round((watch.core_seconds() - before[name]) / wall, 2) for name, watch in watched.items()},
        "machine_cores": round((machine_core_seconds() - busy) / wall, 2),
        "restarts_of_triton": supervisor.restarts,
        "share_within_goal_as_the_gateway_counts": round(fast / every, 5),
    }


def _answered(url: str) -> tuple[float, float]:
    """Calls that the gateway answered within the goal, and all, as its own metrics have them."""
    fast = every = 0.0
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        if family.name == "http_request_duration_seconds":
            for sample in family.samples:
                fast += sample.value * (sample.labels.get("le") == str(GOAL_SECONDS))
                every += sample.value * sample.name.endswith("_count")
    return fast, every


if __name__ == "__main__":
    main()
