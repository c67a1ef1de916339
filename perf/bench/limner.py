"""Limner itself: the embedded Triton by gRPC, and the gateway in front of it by HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import tritonclient.grpc as triton

from export.catalogue import build_catalog
from export.store import ModelStore
from limner.options import SCALES
from limner.settings import Settings
from perf.bench.cases import Case
from perf.bench.timing import Timing
from perf.bench.weights import MODELS
from perf.entry import enhance
from perf.gateway import Gateway, pid_of_triton
from perf.watch import MIB, Watch
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor

_TIMEOUT_SECONDS = 900.0
_PAUSE_SECONDS = 2.0
"""Between two looks at the memory, which would be felt in the seconds if they came often."""


@contextmanager
def served(models: Path, background: str) -> Iterator[Limner]:
    """A Triton with the models of ``models``, of the networks for backgrounds ``background`` alone, and a gateway."""
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        # A canary's work would count as a photo's.
        settings = Settings(canary_interval=3600).model_copy(update={"data": Path(folder)})
        settings.models_dir.mkdir()
        for name in MODELS:
            wanted = name == background or not name.startswith("realesrgan")
            if wanted and (models / name).is_dir():
                (settings.models_dir / name).symlink_to((models / name).resolve())
        store = ModelStore(settings.models_dir)
        store.write_catalog(build_catalog(store, {}))
        with Supervisor(settings, Endpoint(free_port(), free_port())) as supervisor:
            url = supervisor.endpoint.url
            with Gateway(url, None) as gateway:
                yield Limner(url, gateway.url, Watch(pid_of_triton(supervisor)))


class Limner:
    """Calls a running server; each call is one whole photo."""

    def __init__(self, triton_url: str, gateway_url: str, watch: Watch) -> None:
        self._triton_url, self._gateway_url, self._watch = triton_url, gateway_url, watch

    def by_grpc(self, case: Case) -> Timing:
        photo = case.photo
        with triton.InferenceServerClient(self._triton_url) as client, self._watch.peak(_PAUSE_SECONDS) as held:
            started = time.perf_counter()
            image, report = enhance(client, photo, _options(case), _TIMEOUT_SECONDS)
            seconds = time.perf_counter() - started
        return _timing(seconds, image, report, held[1])

    def by_http(self, case: Case) -> Timing:
        """Memory is Triton's; the gateway's is in ``perf.memory``."""
        form, files = {name: str(value) for name, value in _options(case).items()}, {"file": case.photo}
        with self._watch.peak(_PAUSE_SECONDS) as held:
            started = time.perf_counter()
            answer = httpx.post(f"{self._gateway_url}/v1/enhance", data=form, files=files, timeout=_TIMEOUT_SECONDS)
            seconds = time.perf_counter() - started
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"POST /v1/enhance answered {answer.status_code}: {answer.text[:300]}")
        report = json.loads(answer.headers["limner-report"])
        return _timing(seconds, np.frombuffer(answer.content, np.uint8), report, held[1])


def _options(case: Case) -> Mapping[str, str | int]:
    level = next(level for level, scale in SCALES.items() if scale == case.scale)
    return {"enhancement_level": level, "background": "realesrgan" if case.background else "lanczos"}


def _timing(seconds: float, image: Any, report: Mapping[str, Any], memory: int) -> Timing:
    stages = {name: round(spent / 1000, 4) for name, spent in report["milliseconds"].items()}
    restored = sum(bool(face.get("restored")) for face in report["faces"])
    height, width = cv2.imdecode(image, cv2.IMREAD_COLOR).shape[:2]
    return Timing(seconds, stages, restored, round(memory / MIB), (width, height))
