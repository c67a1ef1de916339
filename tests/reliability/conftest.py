"""Gateways before the real Triton, and what each photo becomes where nothing else is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import tritonclient.grpc as triton

from tests.gateway.replica import Replica
from tests.reliability.outcome import Alone

StartGateway = Callable[..., Replica]


@pytest.fixture(scope="session")
def alone(triton_client: triton.InferenceServerClient) -> Alone:
    return Alone(triton_client)


@pytest.fixture(scope="module")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Starts ``limner serve`` before the Tritons at an address, with further settings; all end with the module."""
    folder, running = tmp_path_factory.mktemp("gateways"), list[Replica]()

    def start(triton_url: str, **settings: str) -> Replica:
        running.append(Replica(triton_url, folder / f"{len(running)}.log", **settings))
        return running[-1].wait()

    yield start
    for gateway in running:
        gateway.stop()
