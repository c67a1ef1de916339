"""A network's process dies at work: the photo fails at once and clearly, and the next one succeeds."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from ensemble.photo import UInt8
from gateway.triton_errors import to_limner_error
from limner.errors import InferenceUnavailable
from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.model_repository.photos import encode


def enhance(url: str, photo: bytes) -> triton.InferResult:
    data = np.frombuffer(photo, np.uint8)
    query = triton.InferInput("IMAGE", [data.size], "UINT8")
    query.set_data_from_numpy(data)
    with triton.InferenceServerClient(url) as client:
        return client.infer("face_enhance", [query], parameters={"background": "realesrgan"}, client_timeout=120)


def test_photo_fails_clearly_and_the_next_succeeds(models_dir: Path, portrait: UInt8) -> None:
    with Supervisor(Settings(), Endpoint(free_port(), free_port())) as supervisor:
        assert supervisor.process is not None
        (network,) = [
            pid
            for pid in supervisor.process.stub_pids()
            if "/realesrgan_x4/" in " ".join(psutil.Process(pid).cmdline())
        ]
        failures: list[InferenceServerException] = []

        def send() -> None:
            try:
                enhance(supervisor.endpoint.url, encode(np.tile(portrait, (4, 4, 1))))
            except InferenceServerException as error:
                failures.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        busy = psutil.Process(network)
        before = sum(busy.cpu_times()[:2])
        while sum(busy.cpu_times()[:2]) < before + 1:  # it is at work on the photo
            time.sleep(0.1)
        os.kill(network, signal.SIGKILL)
        sender.join(60)
        assert not sender.is_alive()
        (failure,) = failures
        assert isinstance(to_limner_error(failure), InferenceUnavailable), failure.message()

        deadline = time.monotonic() + 60
        while True:
            try:
                assert enhance(supervisor.endpoint.url, encode(portrait)).as_numpy("IMAGE") is not None
                break
            except InferenceServerException:
                assert time.monotonic() < deadline
                time.sleep(0.5)
        assert supervisor.restarts == 1
