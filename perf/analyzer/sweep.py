"""Throughput and latency of the entry model and of single networks, at 1 to 16 calls at once, by ``perf_analyzer``.

    python -m perf.analyzer.sweep [--models face_enhance,realesrgan_x4] [--concurrency 1,2,4,8,16] [--seconds 15]
                                  [--limit 300] [--photo FILE] [--parameter background=lanczos] [--url HOST:PORT]

Starts the embedded Triton with the exported models, or uses the one at ``--url``, whose statistics must be open
(``LIMNER_TRITON_OPEN_APIS=true``). The entry model gets the astronaut's photo in two sizes, or the files of
``--photo``; networks get a tile, a face or a frame. A row measures for ``--seconds`` at least, and longer where three
windows of one call for each at once take longer; it is given up after ``--limit``. Writes
``perf/results/analyzer.json`` after every row, and ``analyzer.svg`` at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tritonclient.grpc as triton

from limner.errors import LimnerError
from limner.settings import PROJECT_ROOT, Settings
from perf.analyzer.inputs import ENTRY_MODEL, Case, astronaut_cases, model_case, photo_case
from perf.analyzer.install import Analyzer, install
from perf.analyzer.measure import Row, calls_of_a_window, is_given_up, measure, row
from perf.analyzer.report import markdown, plot
from perf.analyzer.server import done_since, seconds_of_one_call, served_networks, work_of_networks
from perf.machine import describe_machine
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

RESULTS = PROJECT_ROOT / "perf" / "results" / "analyzer.json"
CONCURRENCY = (1, 2, 4, 8, 16)


def main() -> None:
    wanted = _arguments()
    try:
        analyzer = install()
        with _server(wanted.url) as url, triton.InferenceServerClient(url) as client:
            networks = served_networks(client)
            names = wanted.models or [ENTRY_MODEL, *(network.model for network in networks)]
            cases = chosen_cases(names, wanted.photo, dict(wanted.parameter))
            result: dict[str, Any] = {
                "machine": describe_machine(),
                "perf_analyzer": analyzer.source,
                "seconds": wanted.seconds,
                "limit_seconds": wanted.limit,
                "served": {network.model: f"{network.variant}, {network.precision}" for network in networks},
                "rows": [],
            }
            for line in sweep(analyzer, url, client, cases, wanted.concurrency, wanted.seconds, wanted.limit):
                result["rows"].append(line)
                wanted.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
        sys.stdout.write(markdown(result))
        plot(result, wanted.output.with_suffix(".svg"))
    except LimnerError as error:
        sys.exit(f"limner: {error.message}")
    except triton.InferenceServerException as error:
        sys.exit(f"limner: Triton{f' at {wanted.url}' if wanted.url else ''} does not answer: {error.message()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=lambda text: text.split(","), help="comma-separated; all that are served")
    parser.add_argument("--concurrency", type=_numbers, default=CONCURRENCY, help="comma-separated calls at once")
    parser.add_argument("--seconds", type=float, default=15.0, help="least time of a row")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which a row is given up")
    parser.add_argument("--photo", type=Path, action="append", default=[], help="instead of the astronaut; repeatable")
    parser.add_argument("--parameter", type=_parameter, action="append", default=[], help="NAME=VALUE; repeatable")
    parser.add_argument("--url", help="host:port of a running Triton's gRPC endpoint")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the JSON file; the plot lies beside it")
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


@contextlib.contextmanager
def _server(url: str | None) -> Iterator[str]:
    """The URL of the server to measure; the embedded one is started, with its statistics open, where none is given."""
    if url:
        yield url
        return
    with Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)) as supervisor:
        yield supervisor.endpoint.url


def chosen_cases(names: Sequence[str], photos: Sequence[Path], parameters: Mapping[str, str]) -> list[Case]:
    """The calls to measure; ``parameters`` are for the entry model."""
    cases: list[Case] = []
    for name in names:
        if name != ENTRY_MODEL:
            cases.append(model_case(name))
        elif photos:
            cases += [photo_case(photo.read_bytes(), photo.name, parameters) for photo in photos]
        else:
            cases += astronaut_cases(parameters)
    return cases


def sweep(
    analyzer: Analyzer,
    url: str,
    client: triton.InferenceServerClient,
    cases: Sequence[Case],
    concurrencies: Sequence[int],
    seconds: float,
    limit: float,
) -> Iterator[Row]:
    """A row for each case and concurrency; a failure is a row as well.

    Before each, one call is made alone: it warms the server up and says how many calls fill the time. Where a row took
    longer than ``limit``, higher concurrencies are not tried.
    """
    for case in cases:
        given_up: int | None = None
        for concurrency in concurrencies:
            if given_up is not None:
                line = row(case, concurrency, errors={f"not tried: {given_up} at once were not done in time": 1})
            else:
                line = _measured(analyzer, url, client, case, concurrency, seconds, limit)
                given_up = concurrency if is_given_up(line) else None
            yield line


def _measured(
    analyzer: Analyzer,
    url: str,
    client: triton.InferenceServerClient,
    case: Case,
    concurrency: int,
    seconds: float,
    limit: float,
) -> Row:
    try:
        one_call = seconds_of_one_call(client, case)
        earlier = work_of_networks(client)
        window = calls_of_a_window(seconds, one_call, concurrency)
        line = measure(analyzer, url, case, concurrency, window, limit)
        done = done_since(earlier, work_of_networks(client))
        if is_given_up(line):
            seconds_of_one_call(
                client, case
            )  # comes after what is left in the queue, which would disturb the next case
    except triton.InferenceServerException as error:
        return row(case, concurrency, errors={str(error.message()): 1})
    # A network that is called alone is the only one; what others did then was for a canary.
    return line | {"networks": {name: work for name, work in done.items() if case.model in {ENTRY_MODEL, name}}}


if __name__ == "__main__":
    main()
