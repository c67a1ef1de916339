"""The typed client of the two Triton models that the gateway talks to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient, InferResult
from tritonclient.utils import InferenceServerException

from gateway.filenames import EXTENSIONS
from gateway.report import Report
from gateway.triton_errors import to_limner_error
from limner.catalog import Catalog
from limner.errors import InferenceFailed
from limner.options import Options

MAX_MESSAGE_BYTES = 2**31 - 1
CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A restarted server is found again within a second; gRPC's own back-off grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Triton is near; a proxy named in the environment is for the world outside.
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True)
class Enhanced:
    """A result: the encoded image, its format (``jpeg``, ``png`` or ``webp``) and the whole report."""

    image: bytes
    format: str
    report: Report


class TritonClient:
    """One gRPC channel. Make it inside a running event loop; cancelling a call cancels it in Triton."""

    def __init__(self, url: str) -> None:
        self._client = InferenceServerClient(url, channel_args=CHANNEL_ARGUMENTS)

    async def close(self) -> None:
        await self._client.close()

    async def enhance(self, image: bytes | bytearray, options: Options, *, request_id: str, timeout: float) -> Enhanced:
        """Run ``face_enhance`` on an encoded photo, within ``timeout`` seconds.

        Raises:
            LimnerError: whichever the models or the gRPC status tell; see :mod:`gateway.triton_errors`.
        """
        result = await self._infer(
            "face_enhance",
            ("IMAGE", np.frombuffer(image, np.uint8)),
            ("IMAGE", "REPORT"),
            request_id=request_id,
            timeout=timeout,
            parameters=options.to_parameters(),
        )
        report = _json(result, "REPORT")
        image_format = report.get("output", {}).get("format")
        if image_format not in EXTENSIONS:
            raise InferenceFailed(f"The server made a result of an unknown format, {str(image_format)[:20]!r}.")
        return Enhanced(_raw(result, "IMAGE"), image_format, report)

    async def catalog(self, *, timeout: float) -> Catalog:
        """The models that are served, and why others are not, within ``timeout`` seconds.

        Raises:
            LimnerError: as :meth:`enhance`.
        """
        query = ("QUERY", np.zeros(1, np.uint8))
        result = await self._infer("catalog", query, ("CATALOG",), request_id="", timeout=timeout, parameters={})
        return Catalog.from_json(_text(result, "CATALOG"))

    async def _infer(
        self,
        model: str,
        tensor: tuple[str, np.ndarray[Any, np.dtype[np.uint8]]],
        outputs: tuple[str, ...],
        *,
        request_id: str,
        timeout: float,
        parameters: dict[str, str],
    ) -> InferResult:
        name, values = tensor
        infer_input = InferInput(name, list(values.shape), "UINT8")
        infer_input.set_data_from_numpy(values)
        try:
            return await self._client.infer(
                model,
                [infer_input],
                outputs=[InferRequestedOutput(output) for output in outputs],
                request_id=request_id,
                client_timeout=timeout,
                parameters=parameters,
            )
        except InferenceServerException as error:
            raise to_limner_error(error) from None


def _raw(result: InferResult, name: str) -> bytes:
    """The bytes of a UINT8 output, not copied."""
    response = result.get_response()
    for output, content in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.name == name:
            return bytes(content)
    raise InferenceFailed("The server's answer is incomplete.")


def _text(result: InferResult, name: str) -> str:
    tensor = result.as_numpy(name)
    if tensor is None or tensor.size != 1:
        raise InferenceFailed("The server's answer is incomplete.")
    return bytes(tensor.reshape(-1)[0]).decode("utf-8")


def _json(result: InferResult, name: str) -> Report:
    # NaN and infinities are no JSON; they become null rather than reach a client.
    report = json.loads(_text(result, name), parse_constant=lambda _: None)
    if not isinstance(report, dict):
        raise InferenceFailed("The server's answer is incomplete.")
    return report
