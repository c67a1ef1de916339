"""The long soak, with figures and a plot for docs/reliability.md:

    make soak                                  an hour
    python -m tests.soak.run --minutes 10

writes ``perf/results/soak.json`` and ``docs/reliability/soak.svg``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

from limner.settings import PROJECT_ROOT, Settings
from perf.machine import describe_run
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.gateway.replica import Replica
from tests.soak.soak import Sample, Soak

RESULTS = PROJECT_ROOT / "perf" / "results" / "soak.json"
PLOT = PROJECT_ROOT / "docs" / "reliability" / "soak.svg"
_ENDLESS = 10**9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    with (
        tempfile.TemporaryDirectory() as folder,
        Supervisor(Settings(), Endpoint(free_port(), free_port()), lambda line: print(line, flush=True)) as triton,  # noqa: T201
    ):
        gateway = Replica(triton.endpoint.url, Path(folder) / "log").wait()
        soak = Soak(gateway, triton)
        soak.run(_ENDLESS, minutes * 60, lambda sample: print(sample, flush=True))  # noqa: T201
        soak.settle()
        soak.close()
        gateway.stop()
    figures = {
        **describe_run(),
        "minutes": minutes,
        "outcomes": soak.outcomes,
        "triton_restarts": triton.restarts,
        "samples": [asdict(sample) for sample in soak.samples],
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    plot(soak.samples)


def plot(samples: list[Sample]) -> None:
    """Memory above, handles and segments below, over minutes."""
    mpl.use("svg")
    from matplotlib import pyplot

    minutes = [sample.seconds / 60 for sample in samples]
    figure, (memory, handles) = pyplot.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    memory.plot(minutes, [sample.triton_mib for sample in samples], label="Triton")
    memory.plot(minutes, [sample.gateway_mib for sample in samples], "--", label="gateway")
    memory.set(ylabel="MiB", ylim=0, title=f"{samples[-1].sent:,} requests")
    handles.plot(minutes, [sample.triton_handles for sample in samples], label="handles of Triton")
    handles.plot(minutes, [sample.gateway_handles for sample in samples], "--", label="handles of the gateway")
    handles.plot(minutes, [sample.segments for sample in samples], ":", label="segments of shared memory")
    handles.set(xlabel="minutes", ylim=0)
    for axes in (memory, handles):
        axes.legend(loc="center right")
        axes.grid(alpha=0.3)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    main()
