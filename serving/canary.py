"""Is the server to be trusted? A known byte pattern, and a tiny photo sent all the way through."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Mapping

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from limner.canary import SIDE, canary_png
from limner.errors import QueueFull, ServingError
from limner.triton_messages import from_triton
from serving.photo_metrics import photos_finished
from serving.process import Endpoint


class CanaryFailed(ServingError):
    """An inference that must succeed did not."""

    type, title = "canary-failed", "Canary failed"


class CanaryLate(CanaryFailed):
    """No answer came in time."""


class CanaryRefused(CanaryFailed):
    """The server has as much work as it takes: it is alive, and says so, or finishes other photos meanwhile."""


def is_ready(client: triton.InferenceServerClient) -> bool:
    """Whether the server says that it has loaded everything. It goes on saying so when a stub has died."""
    try:
        return bool(client.is_server_ready(client_timeout=2))
    except InferenceServerException:
        return False


def check_tensors(client: triton.InferenceServerClient, timeout: float) -> None:
    """Send a known pattern through a Python model and look at what came back.

    Raises:
        ServingError: what came back is not what was sent.
        CanaryFailed: nothing came back.
    """
    pattern = np.arange(7 * 33, dtype=np.float32).reshape(7, 33) / 8
    query = triton.InferInput("PATTERN", list(pattern.shape), "FP32")
    query.set_data_from_numpy(pattern)
    answer = _infer(client, "tensor_check", [query], {}, timeout)
    try:
        echoed, checksum = answer.as_numpy("PATTERN"), answer.as_numpy("CRC32")
        whole = np.array_equal(echoed, pattern) and checksum.tolist() == [zlib.crc32(pattern.tobytes())]
    except ValueError:  # what came back does not even have the size that it claims
        whole = False
    if not whole:
        raise ServingError(
            "Tensors are corrupted on their way into Triton's Python models. The known cause is numpy 2 where numpy "
            "1.26 is needed: run `.venv/bin/pip install numpy==1.26.4`, or delete .venv and run `make serve`."
        )


def send_canary(client: triton.InferenceServerClient, parameters: Mapping[str, str], timeout: float) -> None:
    """Enhance the canary's photo and check the report.

    Raises:
        CanaryRefused: the server is full.
        CanaryFailed: there was no answer within ``timeout`` seconds, or a wrong one.
    """
    photo = np.frombuffer(canary_png(), np.uint8)
    query = triton.InferInput("IMAGE", [photo.size], "UINT8")
    query.set_data_from_numpy(photo)
    answer = _infer(client, "face_enhance", [query], parameters, timeout)
    report = json.loads(answer.as_numpy("REPORT")[0])
    if report["input"]["width"] != SIDE or report["output"]["width"] != 2 * SIDE:
        raise CanaryFailed("The canary photo came back in a wrong size.")


def send_canary_among_others(
    client: triton.InferenceServerClient, endpoint: Endpoint, parameters: Mapping[str, str], timeout: float
) -> None:
    """:func:`send_canary` to a server that may be at work: one that is only slow is not to be ended.

    Raises:
        CanaryRefused: the server is full, or other photos were finished while the canary waited in vain.
        CanaryFailed: as there.
    """
    before = _finished(endpoint)
    try:
        send_canary(client, parameters, timeout)
    except CanaryLate as error:
        if before is not None and (_finished(endpoint) or 0) > before:
            raise CanaryRefused(f"{error.message} Other photos were finished meanwhile.") from error
        raise


def _finished(endpoint: Endpoint) -> int | None:
    try:
        return photos_finished(endpoint)
    except (OSError, http.client.HTTPException):
        return None


def _infer(
    client: triton.InferenceServerClient,
    model: str,
    inputs: list[triton.InferInput],
    parameters: Mapping[str, str],
    timeout: float,
) -> triton.InferResult:
    try:
        return client.infer(model, inputs, parameters=dict(parameters) or None, client_timeout=timeout)
    except InferenceServerException as error:
        kind, word = CanaryFailed, "failed"
        if isinstance(from_triton(error.message() or ""), QueueFull):
            kind, word = CanaryRefused, "was refused"
        elif error.status() == "StatusCode.DEADLINE_EXCEEDED":
            kind = CanaryLate
        raise kind(f"The canary inference of {model} {word}: {error.message()}") from error
