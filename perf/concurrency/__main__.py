"""Ten tasks at once: throughput against the networks alone, fairness, memory, and whether a task gets lost.

    python -m perf.concurrency [--tasks 10] [--size 248x320] [--rounds 3] [--each 3] [--large 3]

Starts the embedded Triton and a gateway (``limner serve``) on loopback. In each round take turns: the tiles of
``--tasks`` photos straight to the network by gRPC; those of one photo in this process; one task; ``--tasks`` tasks
handed in at the same moment. Then ``--tasks`` clients hand in ``--each`` photos, one after the other. Last, memory (PSS
of gateway, Triton and all stubs) while 1-Mpx photos are at work: ``--tasks`` by Lanczos, ``--large`` by Real-ESRGAN.
Writes ``perf/results/concurrency.json``. About five minutes on two cores; memory of ten photos by Real-ESRGAN
(``--large 10``) takes seven more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import tritonclient.grpc as triton

from limner.settings import PROJECT_ROOT, Settings
from perf.concurrency.networks import InProcess, Work, computed, seconds_alone, work_of
from perf.concurrency.tasks import Form, Outcome, kept_at_work, together
from perf.forms import multipart
from perf.gateway import Gateway, pid_of_triton, tidy_when_terminated
from perf.goals import Goal, goals_table, one_after_the_other, slowest_to_mean
from perf.latency import spread
from perf.machine import describe_machine
from perf.photos import portrait
from perf.watch import MIB, Watch
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "concurrency.json"
SCALE = 2
BY_NETWORK = {"background": "realesrgan", "restorer": "none"}
"""No faces are restored: then a photo asks a known number of tiles of one network."""

BY_LANCZOS = {"background": "lanczos", "restorer": "none"}
LARGE_SIDE = 1000
TASK_TIMEOUT_SECONDS = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--size", default="248x320", help="width x height of the photo, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", type=int, default=3, help="photos of each client that is kept at work; 0: none")
    parser.add_argument("--large", type=int, default=3, help="1-Mpx photos by Real-ESRGAN at once; 0: none")
    wanted = parser.parse_args()
    most = Settings().max_tasks
    if max(wanted.tasks, wanted.large) > most:
        parser.error(f"the gateway works on {most} tasks at once")
    os.environ["LIMNER_TASK_TIMEOUT"] = str(TASK_TIMEOUT_SECONDS)  # for the gateway: large photos take minutes
    width, height = map(int, wanted.size.split("x"))
    tidy_when_terminated()
    with (
        Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)) as supervisor,
        triton.InferenceServerClient(supervisor.endpoint.url) as client,
        Gateway(supervisor.endpoint.url, None) as gateway,
    ):
        small = Measurement(gateway, client, (width, height), wanted.tasks)
        result = {"machine": describe_machine(), **small.run(wanted.rounds, wanted.each)}
        watch = Watch(gateway.pid, pid_of_triton(supervisor))
        result["memory"] = [
            memory(gateway, watch, options, tasks)
            for options, tasks in ((BY_LANCZOS, wanted.tasks), (BY_NETWORK, wanted.large))
            if tasks
        ]
        result["restarts_of_triton"] = supervisor.restarts
    result["goals"] = [goal.to_json() for goal in goals(result)]
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    sys.stdout.write(markdown(result) + "\n")


class Measurement:
    """Equal photos of ``size`` (width, height in pixels), ``tasks`` at once."""

    def __init__(
        self, gateway: Gateway, client: triton.InferenceServerClient, size: tuple[int, int], tasks: int
    ) -> None:
        self._gateway, self._client, self._size, self._tasks = gateway, client, size, tasks
        models, photo = Settings().models_dir, portrait(*size)
        self._work: Work = work_of(photo, SCALE, models)
        self._in_process = InProcess(self._work, models)
        self._form: Form = multipart(photo, BY_NETWORK)

    def run(self, rounds: int, each: int) -> dict[str, Any]:
        """All rounds and the clients that are kept at work, after a warm-up."""
        self._together(1)
        self._in_process.seconds()
        seconds_alone(self._client, self._work, 1)
        result: dict[str, Any] = {
            "photo": "{}x{} JPEG".format(*self._size) + f", x{SCALE} by {self._work.network.model}",
            "tasks": self._tasks,
            "tiles_of_a_photo": len(self._work.tiles),
            "rounds": [self._round() for _ in range(rounds)],
        }
        if each:
            started = time.perf_counter()
            clients = asyncio.run(kept_at_work(self._gateway.url, self._form, self._tasks, each))
            result["kept_at_work"] = {
                "each": each,
                "seconds": round(time.perf_counter() - started, 3),
                **self._figures([outcome for outcomes in clients for outcome in outcomes]),
                # The first of each client came when all came.
                "later_task_seconds": _rounded(outcome.seconds for outcomes in clients for outcome in outcomes[1:]),
            }
        return result

    def _round(self) -> dict[str, Any]:
        alone = seconds_alone(self._client, self._work, self._tasks)
        in_process = self._in_process.seconds() * self._tasks
        (lone,) = self._together(1)
        before = computed(self._client, self._work.network.model)
        outcomes = self._together(self._tasks)
        seconds = max(outcome.seconds for outcome in outcomes)
        after = computed(self._client, self._work.network.model)
        return {
            "networks_alone_seconds": round(alone, 3),
            "networks_in_process_seconds": round(in_process, 3),
            "lone_task_seconds": round(lone.seconds, 3),
            "seconds": round(seconds, 3),
            "calls_of_network": after.calls - before.calls,
            "share_of_time_in_network": round((after.seconds - before.seconds) / seconds, 3),
            **self._figures(outcomes),
        }

    def _together(self, tasks: int) -> list[Outcome]:
        return asyncio.run(together(self._gateway.url, self._form, tasks))

    def _figures(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        enlarged = (self._size[0] * SCALE, self._size[1] * SCALE)
        return {
            "lost": sum(outcome.is_lost or outcome.size != enlarged for outcome in outcomes),
            "task_seconds": _rounded(outcome.seconds for outcome in outcomes),
            "processing_times": _rounded(outcome.processing_time or 0.0 for outcome in outcomes),
        }


def memory(gateway: Gateway, watch: Watch, options: dict[str, str], tasks: int) -> dict[str, Any]:
    """Peak of all processes while ``tasks`` 1-Mpx photos are at work."""
    form = multipart(portrait(LARGE_SIDE, LARGE_SIDE), options)
    with watch.peak() as held:
        outcomes = asyncio.run(together(gateway.url, form, tasks))
    return {
        "photo": f"{LARGE_SIDE}x{LARGE_SIDE} JPEG, x{SCALE}",
        "background": options["background"],
        "tasks": tasks,
        "lost": sum(outcome.is_lost for outcome in outcomes),
        "seconds": round(max(outcome.seconds for outcome in outcomes), 1),
        "idle_mib": round(held[0] / MIB),
        "peak_mib": round(held[1] / MIB),
        "peak_bytes": held[1],
    }


def goals(result: dict[str, Any]) -> list[Goal]:
    """The goals, of a whole result."""
    rounds, steady = result["rounds"], result.get("kept_at_work")
    measured = [*rounds, *([steady] if steady else []), *result["memory"]]
    found = [
        Goal("throughput, share of the networks alone", statistics.median(_throughput(rounds)), "least", 0.9),
        Goal(
            "slowest to mean, handed in at one moment",
            statistics.median(slowest_to_mean(one["task_seconds"]) for one in rounds),
            "most",
            1.5,
        ),
        Goal("tasks lost", sum(one["lost"] for one in measured), "most", 0),
    ]
    if steady:
        kept = slowest_to_mean(steady["later_task_seconds"] or steady["task_seconds"])
        found.insert(2, Goal("slowest to mean, kept at work", kept, "most", 1.5))
    if result["memory"]:
        found.append(Goal("memory, GB", max(one["peak_bytes"] for one in result["memory"]) / 1e9, "most", 4.0))
    return found


def _throughput(rounds: Sequence[dict[str, Any]]) -> list[float]:
    return [one["networks_alone_seconds"] / one["seconds"] for one in rounds]


def markdown(result: dict[str, Any]) -> str:
    """The result in words and tables."""
    rounds, tasks = result["rounds"], result["tasks"]
    names = {
        "networks_alone_seconds": "the tiles of all tasks straight to the network, by gRPC",
        "networks_in_process_seconds": "the same in one process, without Triton",
        "seconds": "tasks handed in at one moment, to the end of the last",
        "lone_task_seconds": "one task alone",
    }
    lines = [
        f"{tasks} tasks at once: {result['photo']}; tiles of a photo: {result['tiles_of_a_photo']}.",
        "",
        goals_table(result["goals"]),
        "",
        "| what | seconds, median | from | to |",
        "|---|---|---|---|",
    ]
    for key, name in names.items():
        figures = spread([one[key] for one in rounds])
        lines.append(f"| {name} | {figures['median']:g} | {figures['min']:g} | {figures['max']:g} |")
    shares = spread([max(one["task_seconds"]) / (tasks * one["lone_task_seconds"]) for one in rounds])
    said = (
        f"The slowest task took {shares['median']:g} times what {tasks} tasks take alone, one after the other. Equal "
        f"tasks that come at one moment and are done in turn have a slowest of {one_after_the_other(tasks):.3g} times "
        "the mean, and no order lets the last one end earlier."
    )
    lines += ["", said, ""]
    lines += ["| 1-Mpx photos | at once | peak, MiB | idle, MiB | seconds |", "|---|---|---|---|---|"]
    for one in result["memory"]:
        row = " | ".join(str(one[key]) for key in ("background", "tasks", "peak_mib", "idle_mib", "seconds"))
        lines.append(f"| {row} |")
    return "\n".join(lines)


def _rounded(seconds: Iterable[float]) -> list[float]:
    return sorted(round(value, 3) for value in seconds)


if __name__ == "__main__":
    main()
