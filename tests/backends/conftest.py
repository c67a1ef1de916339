"""One Triton server for all tests of the backends."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tritonclient import grpc

from limner.settings import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT))  # `backends` is not an installed package: Triton, too, finds it from its root

from tests.backends.repository import write_repository
from tests.backends.server import serve


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.InferenceServerClient]:
    """A client of a server that has loaded, or refused, every model of ``write_repository``."""
    folder = tmp_path_factory.mktemp("triton")
    write_repository(folder / "models")
    with serve(folder) as client:
        yield client
