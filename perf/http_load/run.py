"""The gateway, the embedded Triton and locust's users together, and what comes of it.

    python -m perf.http_load [--users 100] [--ramp 60] [--seconds 120] [--store memory|redis]

Starts the embedded Triton with the exported models, a gateway (``limner serve``) without a rate limit, and locust, each
a process of its own, all on loopback and of the same priority. The users (:mod:`perf.http_load.users`) come one after
the other while the ramp lasts, and are then all there for ``--seconds``; at the end each sees its last photo through.
Writes ``perf/results/http-load.json`` and ``.svg``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.settings import PROJECT_ROOT, Settings
from perf.gateway import Gateway, redis_server
from perf.gateway_load import GOAL_SECONDS
from perf.http_load.mix import BACKGROUNDS, DELETED, LISTENERS, LOOKS, MIX
from perf.http_load.page import markdown
from perf.http_load.plot import save_plot
from perf.http_load.record import read
from perf.http_load.summary import summarise
from perf.machine import describe_machine
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "http-load.json"
START_SECONDS = 60.0
"""What locust may need, at most, to start and to stop."""


def load(
    url: str,
    *,
    users: int,
    ramp: float,
    seconds: float,
    photos: float = 0.02,
    backgrounds: Sequence[str] = BACKGROUNDS,
    patience: float = 300.0,
) -> dict[str, object]:
    """Let locust's users loose on the gateway at ``url``.

    Args:
        url: of the gateway.
        users: how many, at most.
        ramp: seconds until all of them are there.
        seconds: for which they are all there.
        photos: share of what they do that is handing in a photo.
        backgrounds: of the mix, only photos with these.
        patience: seconds that a photo may take to its end.

    Raises:
        RuntimeError: locust failed.
        subprocess.TimeoutExpired: it did not come to an end.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        options = {
            "locustfile": "perf/http_load/users.py",
            "host": url,
            "users": users,
            "spawn-rate": max(users / ramp, 0.1),
            "run-time": f"{round(ramp + seconds)}s",
            "stop-timeout": f"{round(patience)}s",
            "exit-code-on-error": 0,
            "record": record,
            "photos": photos,
            "backgrounds": ",".join(backgrounds),
            "patience": patience,
        }
        locust = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=ramp + seconds + patience + START_SECONDS,
            check=False,
        )
        if locust.returncode:
            raise RuntimeError(f"locust failed: {locust.stderr[-2000:]}")
        with record.open(encoding="utf-8") as lines:
            return summarise(read(lines), ramp=ramp, seconds=seconds)


def measure(*, store: str, users: int, ramp: float, seconds: float, photos: float) -> dict[str, object]:
    """A whole run, with Triton and gateway of its own; gives what is published."""
    with (
        Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor,
        redis_server() if store == "redis" else contextlib.nullcontext() as redis_url,
        Gateway(supervisor.endpoint.url, redis_url) as gateway,
    ):
        figures = load(gateway.url, users=users, ramp=ramp, seconds=seconds, photos=photos)
        settings = {"store": store, "users": users, "ramp_seconds": ramp, "share_of_photos": photos}
        return published(settings, figures, supervisor.restarts)


def published(settings: Mapping[str, object], figures: Mapping[str, Any], restarts: int) -> dict[str, object]:
    """What goes into the file: the machine, ``settings``, the goal, and the figures."""
    goal, connected = GOAL_SECONDS * 1000, figures["all_connected"]
    p95 = {name: of["p95_ms"] for name, of in connected["by_call"].items() if of["calls"]}
    return {
        "machine": describe_machine(),
        **settings,
        "mix_percent": {kind.name: kind.share for kind in MIX},
        "between_photos_percent": {name: round(100 * share) for name, share in LOOKS.items()},
        "deleted_percent": round(100 * DELETED),
        "listened_to_percent": round(100 * LISTENERS),
        "goal": {
            "p95_ms": goal,
            "met": connected["answers"]["p95_ms"] <= goal,
            "kinds_of_call_above": {name: value for name, value in p95.items() if value > goal},
        },
        "restarts_of_triton": restarts,
        **figures,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--users", type=int, default=100)
    arguments.add_argument("--ramp", type=float, default=60.0, help="seconds until all users are there")
    arguments.add_argument("--seconds", type=float, default=120.0, help="with all of them there")
    arguments.add_argument("--photos", type=float, default=0.02, help="share of what users do that is a photo")
    arguments.add_argument("--store", choices=("memory", "redis"), default="memory")
    result = measure(**vars(arguments.parse_args()))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    save_plot(result, RESULTS.with_suffix(".svg"))
    sys.stdout.write(markdown(result))
