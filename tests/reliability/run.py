"""Figures of one run for ``docs/reliability.md``: ``python -m tests.reliability.run [--crowds N]``.

Crowds of up to ten tasks through one gateway and through two with a Redis, each result compared with the photo's own;
all photos once more, and on a server with one core; gateways and Tritons replaced while photos are at work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tritonclient.grpc as triton
from hypothesis import HealthCheck, Phase, given, settings

from limner.settings import PROJECT_ROOT, Settings
from perf.gateway import redis_server
from perf.machine import describe_run
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.gateway.replica import Replica
from tests.reliability.crowd import Crowd, crowds, meet
from tests.reliability.load import Tally
from tests.reliability.outcome import Alone, difference
from tests.reliability.photos import CASES
from tests.reliability.rolling import gateways_replaced, tritons_replaced
from tests.reliability.tritons import Triton

TARGET = PROJECT_ROOT / "perf" / "results" / "reliability.json"
AT_ONCE = 10


def main() -> None:
    """Run everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crowds", type=int, default=10, help="of each kind")
    parser.add_argument("--output", type=Path, default=TARGET)
    arguments = parser.parse_args()
    server = Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True))
    with tempfile.TemporaryDirectory() as folder, server, redis_server() as redis:
        made = _measure(server.endpoint.url, redis, Path(folder), arguments.crowds)
    arguments.output.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(arguments.output)  # noqa: T201 - a program


def _measure(triton_url: str, redis_url: str, folder: Path, number: int) -> dict[str, Any]:
    with triton.InferenceServerClient(triton_url) as client:
        alone = Alone(client)
        for case in CASES:
            alone.of(case)
        made: dict[str, Any] = {**describe_run(), "photos": len(CASES), "no_cross_talk": {}}
        for name, gateways, shared in (("one gateway", 1, {}), ("two gateways", 2, {"LIMNER_REDIS_URL": redis_url})):
            running = [Replica(triton_url, folder / f"{name} {each}", **shared) for each in range(gateways)]
            try:
                urls = [str(gateway.wait().client.base_url) for gateway in running]
                made["no_cross_talk"][name] = _crowds(urls, triton_url, alone, number)
            finally:
                for gateway in running:
                    gateway.stop()
        made["determinism"] = {"once more": _same(alone, alone)}
        made["replaced"] = {"gateways": _told(gateways_replaced(triton_url, redis_url, folder, alone))}
    with Triton(cores={min(os.sched_getaffinity(0))}) as other, triton.InferenceServerClient(other.url) as client:
        made["determinism"]["another server, on one core"] = _same(alone, Alone(client))
    made["replaced"]["tritons"] = _told(tritons_replaced(folder))
    return made


def _crowds(gateways: Sequence[str], triton_url: str, alone: Alone, number: int) -> dict[str, Any]:
    ways: Counter[str] = Counter()
    wrong: list[str] = []
    compared = 0

    @settings(
        max_examples=number,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
        deadline=None,
        database=None,
    )
    @given(crowds(AT_ONCE))
    def come(crowd: Crowd) -> None:
        nonlocal compared
        for case in [case for guest in crowd for case in guest.expected_cases]:
            alone.of(case)
        for way, case, outcome in asyncio.run(meet(gateways, triton_url, crowd)):
            compared += 1
            if found := difference(alone.of(case), outcome):
                wrong.append(f"{case.name}, {way}: other {found}")
        ways.update(guest.way for guest in crowd)

    come()
    return {"tasks": sum(ways.values()), "ways": dict(ways), "results_compared": compared, "wrong": wrong}


def _same(alone: Alone, there: Alone) -> dict[str, int]:
    return {"compared": len(CASES), "different": sum(there.anew(case) != alone.of(case) for case in CASES)}


def _told(tally: Tally) -> dict[str, Any]:
    return {
        "replaced": tally.replaced,
        "tried": tally.tried,
        "accepted": tally.accepted,
        "right": tally.right,
        "lost_or_wrong": tally.wrong,
        "told_to_try_again": dict(Counter(tally.refused)),
    }


if __name__ == "__main__":
    main()
