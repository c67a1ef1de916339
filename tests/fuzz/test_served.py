"""A sample of the hostile images through the real gateway and Triton: answers, and servers that are none the worse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from serving.supervisor import Supervisor
from tests.fuzz.corpus import images
from tests.fuzz.corpus.case import Case
from tests.fuzz.served import ask_canary, sample, send
from tests.gateway.replica import Replica

COUNT = 150
GROWTH_BYTES = 300 << 20
"""What allocators keep after photos of 50 megapixels; one leaked photo of that size would have more."""


@pytest.fixture
def gateway(triton_url: str, tmp_path: Path) -> Iterator[Replica]:
    replica = Replica(triton_url, tmp_path / "log", LIMNER_TASK_TIMEOUT="60").wait()
    yield replica
    replica.stop()


def test_hostile_images_by_http(gateway: Replica, supervisor: Supervisor) -> None:
    assert supervisor.process is not None
    stubs = supervisor.process.stub_pids()
    processes = [psutil.Process(pid) for pid in (gateway.pid, supervisor.process.pid, *stubs)]
    figures = send(gateway.client, sample(images(2), COUNT, seed=2), processes)
    assert figures.clean, json.dumps(figures.to_json(), indent=1)
    assert figures.tried == COUNT
    assert set(figures.statuses) <= {200, 400, 413, 415, 422}
    assert len(figures.statuses) >= 3
    assert supervisor.process.stub_pids() == stubs
    assert gateway.client.get("/healthz").status_code == 200
    assert figures.memory_after - figures.memory_before < GROWTH_BYTES


def test_an_answer_of_the_wrong_size_would_be_seen(gateway: Replica) -> None:
    ask_canary(gateway.client)
    good = next(case for case in images() if case.name == "good png")
    figures = send(gateway.client, [good, Case("empty", b"\xff\xd8\xff")], [])
    assert figures.clean
    assert figures.statuses == {200: 1, 422: 1}
