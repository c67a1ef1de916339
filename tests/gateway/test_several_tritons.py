"""Two real Triton servers behind a real gateway; one is killed with photos at work."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image

from limner.settings import Settings
from serving.canary import is_ready
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.gateway.replica import SECONDS, Replica

pytestmark = pytest.mark.timeout(240)

QUICK = {"background": "lanczos", "restorer": "none", "output_format": "png"}
PHOTOS = 10


@pytest.fixture
def second(models_dir: Path) -> Iterator[Supervisor]:
    """A server of its own, to be killed."""
    del models_dir
    with Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)) as running:
        yield running


@pytest.fixture
def gateway(supervisor: Supervisor, second: Supervisor, tmp_path: Path) -> Iterator[Replica]:
    urls = f"{second.endpoint.url},{supervisor.endpoint.url}"
    replica = Replica(urls, tmp_path / "log", LIMNER_CANARY_INTERVAL="3")
    yield replica.wait()
    replica.stop()


def picture(number: int) -> bytes:
    """A small photo of noise; each has a size of its own."""
    noise = np.random.default_rng(number).integers(0, 256, (240 + number, 200, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def inferences(server: Supervisor) -> int:
    """How many photos and canaries have gone through ``server`` since it started."""
    with triton.InferenceServerClient(server.endpoint.url) as client:
        return int(client.get_inference_statistics("face_enhance").model_stats[0].inference_count)


def answers(server: Supervisor) -> bool:
    with triton.InferenceServerClient(server.endpoint.url) as client:
        return is_ready(client)


def canaries(gateway: Replica, server: Supervisor) -> list[str]:
    """What the gateway's log says of its canaries to ``server``, one line for each change."""
    return re.findall(f"canary of {re.escape(server.endpoint.url)}: ([a-z -]+)", gateway.log.read_text())


def active(gateway: Replica) -> float:
    """Photos at work at present."""
    (line,) = re.findall(r"^active_tasks (\S+)$", gateway.client.get("/metrics").text, re.MULTILINE)
    return float(line)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_server_loses_no_photo_and_works_again_once_it_is_back(
    gateway: Replica, supervisor: Supervisor, second: Supervisor
) -> None:
    def enhance(number: int) -> bytes:
        answer = gateway.client.post("/v1/enhance", files={"file": ("a.png", picture(number))}, data=QUICK)
        assert answer.status_code == 200, answer.text
        return answer.content

    until(lambda: gateway.client.get("/readyz").status_code == 200)
    expected = [enhance(number) for number in range(PHOTOS)]
    victim = second.process
    assert victim is not None
    with ThreadPoolExecutor(PHOTOS) as pool:
        results = [pool.submit(enhance, number) for number in range(PHOTOS)]
        until(lambda: active(gateway) >= PHOTOS // 2)
        os.kill(victim.pid, signal.SIGKILL)
        assert [result.result() for result in results] == expected
    assert gateway.client.get("/readyz").status_code == 200
    log = gateway.log.read_text()
    assert f"{second.endpoint.url} failed a call: inference-unavailable" in log, "no photo was there when it was killed"
    assert f"{supervisor.endpoint.url} failed" not in log

    until(lambda: second.restarts == 1 and answers(second))
    until(lambda: canaries(gateway, second)[-1] == "passes again")
    with ThreadPoolExecutor(PHOTOS) as pool:
        before = inferences(second)
        assert list(pool.map(enhance, range(PHOTOS))) == expected
        assert inferences(second) >= before + PHOTOS // 2 - 1
