"""The same photo with the same options and models gives the same bytes: docs/determinism.md says what that takes.

That other photos at work change nothing is what the tests of cross-talk show, on two servers, too.
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openvino as ov
import pytest
import tritonclient.grpc as triton

from ensemble.photo import UInt8
from limner.rrdb import WEIGHTS_FILE, KernelUnusable, RrdbNetwork
from tests.reliability.conftest import StartGateway
from tests.reliability.outcome import Alone
from tests.reliability.photos import CASES, pattern
from tests.reliability.tritons import Triton
from tests.reliability.ways import RUNNING, opened

pytestmark = pytest.mark.timeout(120, func_only=True)

THREADS = (1, 2, 3)
CASES_OF_ONE_BATCH = [case for case in CASES if case.kind in {"jpeg", "webp", "deep", "faces", "cut"}]


def test_again(alone: Alone) -> None:
    for case in CASES:
        assert alone.anew(case) == alone.of(case), case


def test_on_a_server_that_was_started_anew_with_one_core(alone: Alone, models_dir: Path) -> None:
    """Instead of all cores: networks run on as many threads as the process has cores."""
    core = min(os.sched_getaffinity(0))
    with Triton(cores={core}) as server, triton.InferenceServerClient(server.url) as client:
        there = Alone(client)
        for case in CASES:
            assert there.of(case) == alone.of(case), case


def test_the_kernel_on_any_number_of_threads(models_dir: Path) -> None:
    try:
        network = RrdbNetwork(models_dir / "realesrgan_x4" / "1" / WEIGHTS_FILE)
    except KernelUnusable as unusable:
        pytest.skip(f"this CPU runs OpenVINO instead: {unusable}")
    picture = pattern(1, 72, 40)
    results = [network.run(picture, threads) for threads in THREADS]
    assert all((result == results[0]).all() for result in results)


@pytest.mark.parametrize("name", ["realesrgan_x4", "retinaface"])
def test_openvino_on_any_number_of_threads(models_dir: Path, name: str) -> None:
    """Compiled as ``configs/cpu.pbtxt`` says. Alone and between others of a batch, where the network takes batches."""
    pictures = np.stack([pattern(seed, 24, 16) for seed in (1, 2)])
    given = [picture[None] for picture in pictures] if name == "realesrgan_x4" else [*pictures]
    core, results = ov.Core(), list[list[UInt8]]()
    for threads in THREADS:
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        network = core.compile_model(str(models_dir / name / "1" / "model.xml"), "CPU", hints)
        results.append([np.array(output) for one in given for output in network(one).values()])
        if name == "realesrgan_x4":
            both = np.array(next(iter(network(pictures).values())))
            assert all((both[number] == results[-1][number][0]).all() for number in range(2))
    for other in results[1:]:
        assert all(np.array_equal(one, again) for one, again in zip(results[0], other, strict=True))


def test_a_batch_gives_the_same_archive_but_for_times(start_gateway: StartGateway, triton_url: str) -> None:
    gateway = start_gateway(triton_url)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for case in CASES_OF_ONE_BATCH:
            archive.writestr(zipfile.ZipInfo(case.name), case.photo)
        archive.writestr(zipfile.ZipInfo("说明.txt"), b"no photo")
    one, other = (batch(gateway.client, packed.getvalue()) for _ in range(2))
    assert one[0] == other[0]
    assert len(one[0]) == sum(case.kind != "cut" for case in CASES_OF_ONE_BATCH)
    assert without_times(one[1]) == without_times(other[1])


def batch(client: httpx.Client, archive: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    fields = {"background": "lanczos", "restorer": "none"}
    place = client.post("/v1/batches", files={"file": ("a.zip", archive)}, data=fields).headers["location"]
    while client.get(place).json()["status"] in RUNNING:
        time.sleep(0.05)
    return opened(client.get(f"{place}/archive").content)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report of a batch without what is of one run only."""
    kept = json.loads(json.dumps(report))
    for entry in kept["photos"]:
        for name in ("milliseconds", "processing_time"):
            entry.pop(name, None)
    return dict(kept)
