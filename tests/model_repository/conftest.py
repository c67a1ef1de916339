"""A second server, in FP32, for what INT8's rounding would hide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from export.order import Order, carry_out, item_called
from export.prepare import prepare
from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.conftest import Enhance, enhancing

SEED = 0
"""Of the restorer's and the parser's weights."""


@pytest.fixture(scope="session")
def fp32_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What ``LIMNER_PRECISION=fp32`` says, with its models exported, and a restorer and a parser of random weights."""
    settings = Settings(data=tmp_path_factory.mktemp("data"), precision="fp32", offline=True)
    prepare(settings)
    seeded = Order((item_called("gfpgan"), item_called("parsenet")), settings.models_dir, seed=SEED)
    assert [manifest.model for manifest in carry_out(seeded, settings)] == ["gfpgan", "parsenet"]
    return settings


@pytest.fixture(scope="session")
def fp32_models_dir(fp32_settings: Settings) -> Path:
    return fp32_settings.models_dir


@pytest.fixture(scope="session")
def fp32_client(fp32_settings: Settings) -> Iterator[triton.InferenceServerClient]:
    """A client of the server in FP32."""
    with (
        Supervisor(fp32_settings, Endpoint(free_port(), free_port())) as running,
        triton.InferenceServerClient(running.endpoint.url) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def enhance_in_fp32(fp32_client: triton.InferenceServerClient) -> Enhance:
    """``enhance`` of the server in FP32."""
    return enhancing(fp32_client)
