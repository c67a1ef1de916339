"""Long runs, and their figures in ``perf/results/fuzz.json``.

    python -m tests.fuzz.run images             the corpus through header and decoder
    python -m tests.fuzz.run served --count 150 a sample of it through the gateway and Triton
    python -m tests.fuzz.run multipart --seconds 150
    python -m tests.fuzz.run all --minutes 60   everything; the minutes are shared by the fuzzed parsers

``--seed`` draws other mutations. The exit status is 1 where something was found.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from limner.settings import PROJECT_ROOT, Settings
from perf.machine import describe_run
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.fuzz.corpus import images
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.images import run_images
from tests.fuzz.served import sample, send
from tests.fuzz.targets import TARGETS
from tests.gateway.replica import Replica

RESULTS = PROJECT_ROOT / "perf" / "results" / "fuzz.json"

Figures = dict[str, object]
log = logging.getLogger("limner.fuzz")


def run_corpus(seed: int) -> tuple[Figures, bool]:
    """Figures, and whether they are clean."""
    figures = run_images(images(seed))
    return {"seed": seed, **figures.to_json()}, figures.clean


def run_served(count: int, seed: int) -> tuple[Figures, bool]:
    """With a Triton and a gateway of their own."""
    log.info("starting Triton and a gateway")
    endpoint = Endpoint(free_port(), free_port())
    with tempfile.TemporaryDirectory() as folder, Supervisor(Settings(), endpoint) as supervisor:
        gateway = Replica(endpoint.url, Path(folder, "log"), LIMNER_TASK_TIMEOUT="60").wait()
        try:
            assert supervisor.process is not None
            stubs = supervisor.process.stub_pids()
            pids = [gateway.pid, supervisor.process.pid, *sorted(stubs)]
            figures = send(gateway.client, sample(images(seed), count, seed), [psutil.Process(pid) for pid in pids])
            survived = supervisor.process.stub_pids() == stubs
        finally:
            gateway.stop()
    return {"seed": seed, "same_processes": survived, **figures.to_json()}, figures.clean and survived


def run_target(name: str, seconds: int, seed: int) -> tuple[Figures, bool]:
    """What it found goes to a file beside this run, and the path of it to the log."""
    outcome = fuzz(name, seed=seed, seconds=seconds)
    if outcome.found:
        path = Path(tempfile.mkdtemp(prefix=f"limner-fuzz-{name}-"), "input")
        path.write_bytes(outcome.artifact)
        log.error("%s: %s, input in %s\n%s", name, outcome.found, path, outcome.text)
    return {"seed": seed, "seconds": seconds, **outcome.to_json()}, not outcome.found


def record(part: str, name: str, figures: Figures) -> None:
    """Write one part of the results; the others stay."""
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    figures = {**describe_run(), **figures}
    if name:
        known.setdefault(part, {})[name] = figures
    else:
        known[part] = figures
    RESULTS.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Hostile images and fuzzed parsers.")
    parser.add_argument("what", choices=["all", "images", "served", "targets", *TARGETS])
    parser.add_argument("--seconds", type=int, default=150, help="for each parser")
    parser.add_argument("--minutes", type=float, help="for all parsers together")
    parser.add_argument("--count", type=int, default=150, help="images through the gateway")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    seconds = asked.seconds if asked.minutes is None else max(1, round(asked.minutes * 60 / len(TARGETS)))
    steps: list[tuple[str, str, Callable[[], tuple[Figures, bool]]]] = []
    if asked.what in {"all", "images"}:
        steps.append(("images", "", lambda: run_corpus(asked.seed)))
    if asked.what in {"all", "served"}:
        steps.append(("served", "", lambda: run_served(asked.count, asked.seed)))
    for name in TARGETS if asked.what in {"all", "targets"} else {asked.what} & set(TARGETS):
        steps.append(("targets", name, partial(run_target, name, seconds, asked.seed)))
    clean = True
    for part, name, step in steps:
        figures, unharmed = step()
        record(part, name, figures)
        log.info("%s: %s", name or part, "nothing found" if unharmed else "SOMETHING FOUND")
        clean = clean and unharmed
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
