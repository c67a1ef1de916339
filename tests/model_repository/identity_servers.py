"""Servers whose networks change nothing, or one known thing, and a face for them: a plugin that test modules name in
``pytest_plugins``. Imported into several modules, a session's fixture would be set up once for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest
import tritonclient.grpc as triton

from ensemble.photo import UInt8
from export.prepare import prepare
from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.conftest import Enhance, enhancing
from tests.model_repository.identity import UNAVAILABLE, all_skin, furnish, restorer, stand_ins

_ORANGE = (1.0, 0.6, 0.2)


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that holds the real detector alone."""
    settings = Settings(data=tmp_path_factory.mktemp("detector"), precision="fp32", offline=True)
    prepare(settings, models=["retinaface"])
    return settings.models_dir


@pytest.fixture(scope="session")
def identity_supervisor(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """``gfpgan`` gives each face back, ``restoreformer`` makes it orange; no parser, every protocol open."""
    networks = {"gfpgan": restorer(), "restoreformer": restorer(_ORANGE)}
    with serving(detector, tmp_path_factory.mktemp("identity"), networks, open_apis=True) as running:
        yield running


@pytest.fixture(scope="session")
def enhance_with_identity(identity_supervisor: Supervisor) -> Iterator[Enhance]:
    """``enhance`` of a server without a parser."""
    with triton.InferenceServerClient(identity_supervisor.endpoint.url) as client:
        yield enhancing(client)


@pytest.fixture(scope="session")
def enhance_with_parser(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enhance]:
    """``enhance`` of a server with a parser that finds nothing but skin."""
    networks = {"gfpgan": restorer(), "parsenet": all_skin()}
    with (
        serving(detector, tmp_path_factory.mktemp("parser"), networks) as running,
        triton.InferenceServerClient(running.endpoint.url) as client,
    ):
        yield enhancing(client)


@pytest.fixture(scope="session")
def stand_in_client(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    """A client of a server with all of :func:`stand_ins`; every protocol is open."""
    with (
        serving(detector, tmp_path_factory.mktemp("stand_ins"), stand_ins(), open_apis=True) as running,
        triton.InferenceServerClient(running.endpoint.url) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def enhance_with_stand_ins(stand_in_client: triton.InferenceServerClient) -> Enhance:
    """``enhance`` of the server of stand-ins."""
    return enhancing(stand_in_client)


@pytest.fixture(scope="session")
def enhance_with_little(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enhance]:
    """``enhance`` of a server that has ``gfpgan`` and ``realesrgan_x2``, and ``sface`` with random weights."""
    every = stand_ins()
    networks = {name: every[name] for name in ("gfpgan", "sface", "realesrgan_x2")}
    with (
        serving(detector, tmp_path_factory.mktemp("little"), networks, UNAVAILABLE, seeded=["sface"]) as running,
        triton.InferenceServerClient(running.endpoint.url) as client,
    ):
        yield enhancing(client)


@pytest.fixture(scope="session")
def face(astronaut: UInt8) -> UInt8:
    """uint8 [300, 300, 3] with one face."""
    return np.ascontiguousarray(astronaut[0:300, 80:380])


@pytest.fixture(scope="session")
def gray(face: UInt8) -> UInt8:
    """The same, uint8 [300, 300]."""
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)


@pytest.fixture(scope="session")
def alpha() -> UInt8:
    """uint8 [300, 300]: nothing shows on the left, half of it in a strip that crosses the face, all on the right."""
    values = np.zeros((300, 300), np.uint8)
    values[:, 120:150] = 128
    values[:, 150:] = 255
    return values


@contextmanager
def serving(
    detector: Path,
    data: Path,
    networks: Mapping[str, openvino.Model],
    reasons: Mapping[str, str] | None = None,
    seeded: Collection[str] = (),
    *,
    open_apis: bool = False,
) -> Iterator[Supervisor]:
    """A running server with the detector and ``networks``; ``reasons`` and ``seeded`` as in :func:`furnish`."""
    settings = Settings(data=data)
    furnish(settings.models_dir, detector, networks, reasons, seeded)
    with Supervisor(settings, Endpoint(free_port(), free_port(), open_apis=open_apis)) as running:
        yield running
