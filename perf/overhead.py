"""What the gateway adds to a photo: HTTP ``POST /v1/enhance`` against ``face_enhance`` by gRPC, same photo, one run.

    python -m perf.overhead [--rounds 10] [--size 248x320]

Starts the embedded Triton and a gateway (``limner serve``) on loopback. The ways take turns, in an order that changes
from round to round: a kept gRPC connection; the gateway's own client in this process, which opens a connection for
each photo; HTTP over a kept connection. With Lanczos and with Real-ESRGAN. Beside whole calls it tells what is left of
them without the steps (whole call minus ``milliseconds.total`` of the report): there the network's own variation does
not drown a few milliseconds. Writes ``perf/results/overhead.json``; two minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import tritonclient.grpc as triton

from gateway.multipart import FormReader
from gateway.state.sealing import Seal, new_salt, new_task_id
from gateway.tasks.work import Job
from gateway.triton import TritonClient
from limner.options import Options, parse_options
from limner.settings import PROJECT_ROOT, Settings
from perf.entry import enhance
from perf.forms import multipart
from perf.gateway import Gateway, tidy_when_terminated
from perf.goals import Goal, goals_table
from perf.latency import spread
from perf.machine import describe_machine
from perf.photos import portrait
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "overhead.json"
BACKGROUNDS = ("lanczos", "realesrgan")
GOAL_SECONDS, GOAL_SHARE = 0.030, 0.02
TIMEOUT_SECONDS = 300.0
CHUNK_BYTES = 65_536
"""The server hands an upload to the application in pieces of at most so many."""

REPEATS = 21
DIGITS = 4
"""Milliseconds, of calls that take a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--size", default="248x320", help="width x height of the photo, in pixels")
    wanted = parser.parse_args()
    width, height = map(int, wanted.size.split("x"))
    tidy_when_terminated()
    photo = portrait(width, height)
    with (
        Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor,
        Gateway(supervisor.endpoint.url, None) as gateway,
    ):
        rows = [
            measure(supervisor.endpoint.url, gateway.url, photo, background, wanted.rounds)
            for background in BACKGROUNDS
        ]
    result = {
        "machine": describe_machine(),
        "photo": f"{width}x{height} JPEG of {len(photo)} bytes, x2",
        "rounds": wanted.rounds,
        "backgrounds": rows,
        "goals": [goal.to_json() for row in rows for goal in goals(row)],
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    sys.stdout.write(markdown(result) + "\n")


def measure(triton_url: str, gateway_url: str, photo: bytes, background: str, rounds: int) -> dict[str, Any]:
    """All ways with one background, after a warm-up of each."""
    options = parse_options({"background": background, "restorer": "none"})
    form = multipart(photo, options.to_parameters())
    with Ways(triton_url, gateway_url, photo, options, form) as ways:
        measured = taking_turns({"grpc": ways.grpc, "gateways_client": ways.gateways_client, "http": ways.http}, rounds)
    whole = {name: [seconds for seconds, _ in calls] for name, calls in measured.items()}
    without_steps = {name: [seconds - steps for seconds, steps in calls] for name, calls in measured.items()}
    return {
        "background": background,
        "seconds": {name: spread(values, DIGITS) for name, values in whole.items()},
        "seconds_without_steps": {name: spread(values, DIGITS) for name, values in without_steps.items()},
        "overhead_seconds": difference(whole),
        "overhead_seconds_without_steps": difference(without_steps),
        "parts_milliseconds": parts(form, ways.result_bytes),
    }


def difference(seconds: Mapping[str, list[float]]) -> float:
    """Of the medians: HTTP minus gRPC."""
    return round(statistics.median(seconds["http"]) - statistics.median(seconds["grpc"]), 5)


def taking_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of whole calls and of their steps, by way; each once to warm up, then ``rounds`` times in turn."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(rounds + 1):
        for name in order:
            started = time.perf_counter()
            steps = ways[name]()
            if number:
                measured[name].append((time.perf_counter() - started, steps))
        order.reverse()  # what comes second must not always come second
    return measured


class Ways:
    """Each way sends the photo once and gives the seconds that the report says its steps took."""

    def __init__(
        self, triton_url: str, gateway_url: str, photo: bytes, options: Options, form: tuple[bytes, str]
    ) -> None:
        self._photo, self._options, self._form = photo, options, form
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(_connected(triton_url))
        self._direct = triton.InferenceServerClient(triton_url)
        self._connection = http.client.HTTPConnection(urlsplit(gateway_url).netloc, timeout=TIMEOUT_SECONDS)
        self.result_bytes = 0

    def __enter__(self) -> Ways:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._direct.close()
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def grpc(self) -> float:
        image, report = enhance(self._direct, self._photo, self._options.to_parameters(), TIMEOUT_SECONDS)
        self.result_bytes = image.size
        return _of_steps(report)

    def gateways_client(self) -> float:
        call = self._client.enhance(self._photo, self._options, request_id="perf", timeout=TIMEOUT_SECONDS)
        return _of_steps(self._loop.run_until_complete(call).report)

    def http(self) -> float:
        body, content_type = self._form
        self._connection.request("POST", "/v1/enhance", body, {"Content-Type": content_type})
        answer = self._connection.getresponse()
        image = answer.read()
        if answer.status != 200 or not image:
            raise SystemExit(f"POST /v1/enhance answered {answer.status}")
        return _of_steps(json.loads(answer.headers["limner-report"]))


async def _connected(url: str) -> TritonClient:
    return TritonClient(url)


def _of_steps(report: Mapping[str, Any]) -> float:
    return float(report["milliseconds"]["total"]) / 1000


def parts(form: tuple[bytes, str], result_bytes: int) -> dict[str, float]:
    """Milliseconds that single tasks of the gateway take in this process, medians: what the overhead is made of.

    ``/v1/enhance`` seals nothing; ``seal_result`` is what ``/v1/photos`` pays in addition.
    """
    body, content_type = form

    def parse() -> Job:
        reader = FormReader(content_type, len(body))
        for start in range(0, len(body), CHUNK_BYTES):
            reader.feed(body[start : start + CHUNK_BYTES])
        read = reader.finish()
        return Job.of(read.file, read.filename, read.fields, "perf")

    def seal() -> None:
        with Seal(new_task_id(), new_salt()) as key:
            key.seal("image", bytes(result_bytes))

    return {name: round(_median(task) * 1000, 3) for name, task in {"parse_upload": parse, "seal_result": seal}.items()}


def _median(task: Callable[[], object]) -> float:
    return statistics.median(timeit.repeat(task, number=1, repeat=REPEATS))


def goals(row: Mapping[str, Any]) -> list[Goal]:
    """The overhead of one background in milliseconds, and what is allowed of it: of whole calls, and beside the steps.

    Where a network takes seconds, its own variation is larger than what the gateway adds: there the second one counts.
    """
    allowed = round((GOAL_SECONDS + GOAL_SHARE * row["seconds"]["grpc"]["median"]) * 1000, 1)
    name = f"overhead with {row['background']}, ms"
    return [
        Goal(name, round(row["overhead_seconds"] * 1000, 1), "most", allowed),
        Goal(f"{name}, beside the steps", round(row["overhead_seconds_without_steps"] * 1000, 1), "most", allowed),
    ]


def markdown(result: dict[str, Any]) -> str:
    """The result in tables."""
    lines = [
        f"The gateway's overhead: {result['photo']}, {result['rounds']} rounds.",
        "",
        goals_table(result["goals"]),
        "",
        "| background | way | ms, median | from | to | without the steps |",
        "|---|---|---|---|---|---|",
    ]
    names = {"grpc": "gRPC", "gateways_client": "the gateway's client, in process", "http": "HTTP"}
    for row in result["backgrounds"]:
        for way, name in names.items():
            figures = [row["seconds"][way][key] for key in ("median", "min", "max")]
            figures.append(row["seconds_without_steps"][way]["median"])
            cells = " | ".join(f"{value * 1000:.1f}" for value in figures)
            lines.append(f"| {row['background']} | {name} | {cells} |")
    lines.append("")
    for row in result["backgrounds"]:
        told = ", ".join(f"{name} {value:g}" for name, value in row["parts_milliseconds"].items())
        lines.append(f"- {row['background']}, in one process, ms: {told}.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
