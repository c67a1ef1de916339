"""One run of ``perf_analyzer``: a case at one concurrency, to a row of figures or of errors.

Windows are counted in requests, for a photo may take longer than any window of time that suits a small model. Three
windows make a measurement; no other is tried, so a run ends (``perf_analyzer`` would go on until windows agree to
10 %, and without an answer where they do not). It looks once a second whether a window is full, so a run may last up to
a second longer than its calls, and throughput is that much too low.
"""

from __future__ import annotations

import collections
import csv
import math
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from perf.analyzer.inputs import Case
from perf.analyzer.install import PROGRAM, Analyzer

Row = dict[str, Any]

WINDOWS = 3
_ANY_SPREAD = "999"
"""Per cent by which windows may differ."""

_GIVEN_UP = "not done within"

_COLUMNS = {"p50_ms": "p50 latency", "p90_ms": "p90 latency", "p95_ms": "p95 latency", "p99_ms": "p99 latency"}
_COMPUTE = ("Server Compute Input", "Server Compute Infer", "Server Compute Output")


def measure(analyzer: Analyzer, url: str, case: Case, concurrency: int, window: int, limit: float) -> Row:
    """Keep ``concurrency`` calls under way until three windows of ``window`` calls are full.

    Args:
        analyzer: an installed ``perf_analyzer``.
        url: ``host:port`` of Triton's gRPC endpoint, whose statistics must be open.
        case: what is called.
        concurrency: calls under way at any time.
        window: calls of a window.
        limit: seconds after which it is given up.
    """
    with tempfile.TemporaryDirectory(prefix="limner-perf-") as folder:
        given, table = Path(folder) / "input.json", Path(folder) / "table.csv"
        case.write(given)
        command = [str(analyzer.program), "-m", case.model, "-i", "grpc", "-u", url, "--input-data", str(given)]
        command += ["--concurrency-range", str(concurrency), "--measurement-mode", "count_windows"]
        command += ["--measurement-request-count", str(window), "-r", str(WINDOWS), "-s", _ANY_SPREAD]
        command += ["-f", str(table), "--verbose-csv"]
        for name, value in case.parameters.items():
            command += ["--request-parameter", f"{name}:{value}:string"]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, env=analyzer.environment, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return row(case, concurrency, errors={f"{_GIVEN_UP} {limit:g} s": 1})
        if done.returncode or not table.is_file():
            return row(case, concurrency, errors=read_errors(done.stdout + done.stderr))
        return row(case, concurrency, read_figures(table.read_text("utf-8"), done.stdout))


def row(case: Case, concurrency: int, figures: Row | None = None, errors: dict[str, int] | None = None) -> Row:
    """A line of the result. Without figures they are null, so that what failed is seen to be missing.

    ``networks`` is for what the networks behind the called model did meanwhile.
    """
    names = ("calls", "throughput", *_COLUMNS, "server_queue_ms", "server_compute_ms")
    return {
        "model": case.model,
        "photo": case.photo,
        "parameters": dict(case.parameters),
        "concurrency": concurrency,
        **{name: (figures or {}).get(name) for name in names},
        "errors": errors or {},
        "networks": {},
    }


def is_given_up(line: Row) -> bool:
    """Whether a row took longer than it may."""
    return any(said.startswith(_GIVEN_UP) for said in line["errors"])


def calls_of_a_window(seconds: float, one_call: float, concurrency: int) -> int:
    """How many calls make windows that last ``seconds`` together; at least one for each that is under way."""
    return max(concurrency, math.ceil(seconds / WINDOWS / one_call))


def read_figures(table: str, output: str) -> Row:
    """Calls, calls per second and milliseconds, from the CSV with all columns (µs) and what else was printed.

    The times on the server are those that the called model itself counted.
    """
    (line,) = csv.DictReader(table.splitlines())
    milliseconds = {name: float(line[column]) / 1000 for name, column in _COLUMNS.items()}
    milliseconds["server_queue_ms"] = float(line["Server Queue"]) / 1000
    milliseconds["server_compute_ms"] = sum(float(line[column]) for column in _COMPUTE) / 1000
    calls = re.search(r"Request count: (\d+)", output)
    return {
        "calls": int(calls[1]) if calls else None,
        "throughput": float(f"{float(line['Inferences/Second']):.4g}"),
        **{name: round(value, 2) for name, value in milliseconds.items()},
    }


def read_errors(output: str) -> dict[str, int]:
    """What failed, and how many of the concurrent calls failed with it; they end a run of ``perf_analyzer``."""
    threads = [re.sub(r"^\[request id: [^]]*\] ", "", said) for said in re.findall(r"had error: (.+)", output)]
    if threads:
        return dict(collections.Counter(threads).most_common())
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line for line in lines if line.lower().startswith(("error", "failed"))), lines[-1] if lines else "")
    return {said[:300] or f"{PROGRAM} failed and said nothing": 1}
