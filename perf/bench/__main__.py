"""The whole pipeline, encoded photo to encoded result, against what a user could pick instead: same photos and weights.

    python -m perf.bench [--short] [--only 248x320] [--rounds N]

Sides, taking turns in one run: upstream (``GFPGANer`` and ``RealESRGANer`` in PyTorch), the exported FP32 graphs in
plain ONNX Runtime, Limner in FP32 and in INT8 by gRPC, in INT8 by HTTP. Weights that cannot be had are random in all
sides; they are as fast. Writes ``perf/results/bench.json``, ``bench.md`` and ``bench.svg``; cases that are not chosen
keep what was measured before. All cases take half an hour or so on two cores, nearly all of it upstream's. ``--short``
takes two minutes at most: a small photo, the models that ``limner serve`` has, no upstream, nothing written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from limner.settings import Settings
from perf.bench.cases import ALL, CASES, FP32, HTTP, INT8, PLAIN, SHORT, UPSTREAM, X2, X4, Case
from perf.bench.limner import served
from perf.bench.plain import PlainOnnxRuntime
from perf.bench.report import markdown, publish, published, row
from perf.bench.timing import Timing
from perf.bench.upstream import Upstream
from perf.bench.weights import checkpoints_in, fp32_models, int8_models
from perf.machine import describe_machine

Side = Callable[[Case], Timing]


def main(given: Sequence[str] | None = None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--short", action="store_true", help="one small photo, without upstream")
    arguments.add_argument("--only", default="", help="cases whose name begins so")
    arguments.add_argument("--rounds", type=int, help="instead of each case's own")
    wanted = arguments.parse_args(given)
    cases = [case for case in (SHORT if wanted.short else CASES) if case.name.startswith(wanted.only)]
    if not cases:
        arguments.error(f"no case begins with {wanted.only}; there are: {', '.join(case.name for case in CASES)}")
    if wanted.rounds:
        cases = [replace(case, rounds=wanted.rounds) for case in cases]
    folder = Settings().data / "bench"
    if wanted.short:
        served_here = Settings().models_dir
        sys.stdout.write(markdown(list(measure(cases, folder, served_here, served_here))))
        return
    rows = published()
    for each in measure(cases, folder, fp32_models(folder), int8_models(folder)):
        rows[each["name"]] = each
        publish([rows[case.name] for case in CASES if case.name in rows])
    sys.stdout.write(markdown([rows[case.name] for case in cases]))


def measure(cases: Sequence[Case], folder: Path, fp32: Path, int8: Path) -> Iterator[dict[str, Any]]:
    """One row a case.

    Args:
        cases: what to measure.
        folder: where checkpoints for upstream are kept.
        fp32, int8: folders of models.
    """
    for background in (X4, X2):
        group = [case for case in cases if (case.background or X4) == background]
        if not group:
            continue
        needed = {side for case in group for side in case.sides}
        with ExitStack() as open_sides, tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
            sides: dict[str, Side] = {}
            if UPSTREAM in needed:
                sides[UPSTREAM] = Upstream(checkpoints_in(folder / "checkpoints", fp32), Path(temporary))
            if PLAIN in needed:
                sides[PLAIN] = PlainOnnxRuntime(fp32, len(os.sched_getaffinity(0)))
            if FP32 in needed:
                sides[FP32] = open_sides.enter_context(served(fp32, background)).by_grpc
            if needed & {INT8, HTTP}:
                limner = open_sides.enter_context(served(int8, background))
                sides |= {INT8: limner.by_grpc, HTTP: limner.by_http}
            for case in group:
                yield measure_case(case, sides)


def measure_case(case: Case, sides: dict[str, Side]) -> dict[str, Any]:
    """All sides of a case in turn, after a round that does not count where there are several."""
    taking_part = {name: sides[name] for name in ALL if name in case.sides}
    timings: dict[str, list[Timing]] = {name: [] for name in taking_part}
    for number in range(0 if case.rounds > 1 else 1, case.rounds + 1):
        for name, run in taking_part.items():
            if number == 0 and name == UPSTREAM:
                continue  # each of its runs is a new process; what a first call costs is part of all
            timing = run(case)
            sys.stderr.write(f"{case.name}: {name} {timing.seconds:.2f} s, {timing.faces} faces\n")
            if number:
                timings[name].append(timing)
    return row(case, {name: [asdict(timing) for timing in each] for name, each in timings.items()}, describe_machine())


if __name__ == "__main__":
    main()
