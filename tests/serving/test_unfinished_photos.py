"""Photos that fail or are given up while two steps are at work on them: Triton lets go of them, too."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.conftest import enhancing
from tests.memory_search import search, windows
from tests.model_repository.identity import failing, furnish
from tests.write_trace import require_tracing

PHOTOS = 8
LIGHT = {"background": "lanczos", "output_format": "jpeg"}


def give_up(url: str, photo: bytes, seconds: float) -> None:
    """Ask, and go away."""
    data = np.frombuffer(photo, np.uint8)
    query = triton.InferInput("IMAGE", [data.size], "UINT8")
    query.set_data_from_numpy(data)
    with triton.InferenceServerClient(url) as client, contextlib.suppress(InferenceServerException):
        client.infer("face_enhance", [query], parameters={**LIGHT, "restorer": "none"}, client_timeout=seconds)


def test_triton_lets_go_of_them(tmp_path: Path) -> None:
    """The network for faces fails, which its step says while the one for the background is at work."""
    require_tracing()
    settings = Settings(data=tmp_path, canary_interval=3600)
    furnish(settings.models_dir, None, {"gfpgan": failing()})
    pixels = np.random.default_rng(3).integers(0, 256, (1500, 2000, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
    photo = encoded.getvalue()
    with Supervisor(settings, Endpoint(free_port(), free_port())) as server:
        process = server.process
        assert process is not None
        for number in range(PHOTOS):
            with (
                triton.InferenceServerClient(server.endpoint.url) as client,
                pytest.raises(InferenceServerException, match=r"\[inference-failed\] "),
            ):
                enhancing(client)(photo, {**LIGHT, "aligned": True})
            give_up(server.endpoint.url, photo, 0.1 + 0.1 * number)
        needles = {"the photo": windows(photo), "its pixels": windows(pixels.tobytes())}
        deadline = time.monotonic() + 60
        while found := search([process.pid, *process.stub_pids()], needles):
            assert time.monotonic() < deadline, [*map(str, found)]
            time.sleep(1)
    assert "Exit timeout expired" not in process.explain()
