"""What tests of several folders share: the real Triton server with the real models, and a real face."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image

from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT, Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

# Properties are tried on the same examples each time, and a busy machine is no failure.
hypothesis.settings.register_profile("limner", deadline=None, derandomize=True)
hypothesis.settings.load_profile("limner")

Enhance = Callable[..., tuple[bytes, dict[str, object]]]


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_user() -> None:
    """Tests see the defaults, whatever the user's environment holds."""
    for name in [name for name in os.environ if name.startswith("LIMNER_") and name != "LIMNER_REQUIRE_ALL"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def astronaut() -> UInt8:
    """NASA's public-domain portrait of Eileen Collins, uint8 [512, 512, 3]."""
    from skimage import data

    return np.asarray(data.astronaut(), dtype=np.uint8)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def portrait(astronaut: UInt8) -> UInt8:
    """A small, blurred, JPEG-damaged portrait such as the project is for: uint8 [100, 90, 3] with one face."""
    head = Image.fromarray(astronaut[0:300, 90:360]).resize((90, 100), Image.Resampling.BOX)
    encoded = io.BytesIO()
    head.save(encoded, "JPEG", quality=60)
    return np.asarray(Image.open(encoded).convert("RGB"), dtype=np.uint8)


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The exported models, brought up to date once, as ``make serve`` would."""
    subprocess.run([sys.executable, "-m", "cli.main", "export"], cwd=PROJECT_ROOT, check=True, timeout=900)
    return Settings().models_dir


@pytest.fixture(scope="session")
def supervisor(models_dir: Path) -> Iterator[Supervisor]:
    """The embedded server with everything in it, on free ports."""
    del models_dir
    with Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)) as running:
        yield running


@pytest.fixture(scope="session")
def triton_url(supervisor: Supervisor) -> str:
    return supervisor.endpoint.url


@pytest.fixture(scope="session")
def triton_client(triton_url: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(triton_url) as client:
        yield client


@pytest.fixture(scope="session")
def enhance(triton_client: triton.InferenceServerClient) -> Enhance:
    """Calls ``face_enhance`` with an encoded photo and options; gives the encoded result and the report."""
    return enhancing(triton_client)


def enhancing(client: triton.InferenceServerClient) -> Enhance:
    """The call that ``enhance`` gives, of any server."""

    def call(photo: bytes, parameters: Mapping[str, str | int | bool] | None = None) -> tuple[bytes, dict[str, object]]:
        data = np.frombuffer(photo, np.uint8)
        query = triton.InferInput("IMAGE", [data.size], "UINT8")
        query.set_data_from_numpy(data)
        answer = client.infer("face_enhance", [query], parameters=dict(parameters or {}), client_timeout=300)
        return answer.as_numpy("IMAGE").tobytes(), json.loads(answer.as_numpy("REPORT")[0])

    return call
