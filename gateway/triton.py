"""The typed client of the Triton models that the gateway and the command line talk to."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient, InferResult
from tritonclient.utils import InferenceServerException

from gateway.filenames import EXTENSIONS
from gateway.recent import Recent
from gateway.report import Report
from gateway.trace import outgoing_headers
from gateway.triton_errors import to_limner_error
from limner.catalog import Catalog
from limner.errors import InferenceFailed
from limner.options import Options

UInt8 = NDArray[np.uint8]

MAX_MESSAGE_BYTES = 2**31 - 1
CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A restarted server is found again within a second; gRPC's own back-off grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Triton is near; a proxy named in the environment is for the world outside.
    ("grpc.enable_http_proxy", 0),
    # Else gRPC would keep the connection for the next channel to the same address.
    ("grpc.use_local_subchannel_pool", 1),
]

_CATALOG_TIMEOUT_SECONDS = 10.0
_CATALOG_SECONDS = 1.0

_INCOMPLETE = "The server's answer is incomplete."


@dataclass(frozen=True)
class Enhanced:
    """A result: the encoded image, its format (``jpeg``, ``png`` or ``webp``) and the whole report."""

    image: bytes
    format: str
    report: Report


@dataclass(frozen=True)
class EnhancedFaces(Enhanced):
    """A result with the faces that were restored: aligned, uint8 [F, 512, 512, 3] RGB, not writable.

    ``cropped`` are the faces as they were and ``restored`` as they are, in the order of the report's faces that are
    ``restored``. An aligned photo is one face. F may be 0.
    """

    cropped: UInt8
    restored: UInt8


class TritonClient:
    """Make it inside a running event loop; cancelling a call cancels it in Triton.

    Each photo has a connection of its own: while one is open, gRPC keeps the block that it has read last, at both
    ends, with a part of the photo and of the result. So photos also spread over all servers behind one address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = self._connect()
        self._catalog = Recent(self._ask_for_catalog, _CATALOG_SECONDS)

    async def close(self) -> None:
        await self._client.close()

    def _connect(self) -> InferenceServerClient:
        return InferenceServerClient(self._url, channel_args=CHANNEL_ARGUMENTS)

    async def enhance(self, image: bytes | bytearray, options: Options, *, request_id: str, timeout: float) -> Enhanced:
        """Run ``face_enhance`` on an encoded photo, within ``timeout`` seconds.

        Raises:
            LimnerError: whichever the models or the gRPC status tell; see :mod:`gateway.triton_errors`.
        """
        result = await self._enhance("face_enhance", image, options, (), request_id, timeout)
        return Enhanced(*_enhanced(result))

    async def enhance_with_faces(
        self, image: bytes | bytearray, options: Options, *, request_id: str, timeout: float
    ) -> EnhancedFaces:
        """Run ``enhance_with_faces``: as :meth:`enhance`, and the restored faces one by one.

        Raises:
            LimnerError: as :meth:`enhance`.
        """
        outputs = ("CROPPED", "RESTORED")
        result = await self._enhance("enhance_with_faces", image, options, outputs, request_id, timeout)
        cropped, restored = (_faces(result, name) for name in outputs)
        if cropped.shape != restored.shape:
            raise InferenceFailed(_INCOMPLETE)
        return EnhancedFaces(*_enhanced(result), cropped, restored)

    async def catalog(self) -> Catalog:
        """The models that are served, and why others are not, as they were within the last second.

        Every page asks for it, and Triton has only as many cores as the networks leave.

        Raises:
            LimnerError: as :meth:`enhance`.
        """
        return await self._catalog.get()

    async def _ask_for_catalog(self) -> Catalog:
        query = ("QUERY", np.zeros(1, np.uint8))
        result = await _infer(
            self._client,
            "catalog",
            query,
            ("CATALOG",),
            request_id="",
            timeout=_CATALOG_TIMEOUT_SECONDS,
            parameters={},
        )
        return Catalog.from_json(_text(result, "CATALOG"))

    async def _enhance(
        self,
        model: str,
        image: bytes | bytearray,
        options: Options,
        more_outputs: tuple[str, ...],
        request_id: str,
        timeout: float,
    ) -> InferResult:
        async with self._connect() as client:
            return await _infer(
                client,
                model,
                ("IMAGE", np.frombuffer(image, np.uint8)),
                ("IMAGE", "REPORT", *more_outputs),
                request_id=request_id,
                timeout=timeout,
                parameters=options.to_parameters(),
            )


async def _infer(
    client: InferenceServerClient,
    model: str,
    tensor: tuple[str, UInt8],
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
        return await client.infer(
            model,
            [infer_input],
            outputs=[InferRequestedOutput(output) for output in outputs],
            request_id=request_id,
            client_timeout=timeout,
            headers=outgoing_headers(),
            parameters=parameters,
        )
    except InferenceServerException as error:
        raise to_limner_error(error) from None


def _enhanced(result: InferResult) -> tuple[bytes, str, Report]:
    """The encoded image, its format and the report."""
    report = _json(result, "REPORT")
    image_format = report.get("output", {}).get("format")
    if image_format not in EXTENSIONS:
        raise InferenceFailed(f"The server made a result of an unknown format, {str(image_format)[:20]!r}.")
    return _raw(result, "IMAGE"), image_format, report


def _faces(result: InferResult, name: str) -> UInt8:
    faces = result.as_numpy(name)
    if faces is None or faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[3] != 3:
        raise InferenceFailed(_INCOMPLETE)
    return np.asarray(faces, np.uint8)


def _raw(result: InferResult, name: str) -> bytes:
    """The bytes of a UINT8 output, not copied."""
    response = result.get_response()
    for output, content in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.name == name:
            return bytes(content)
    raise InferenceFailed(_INCOMPLETE)


def _text(result: InferResult, name: str) -> str:
    tensor = result.as_numpy(name)
    if tensor is None or tensor.size != 1:
        raise InferenceFailed(_INCOMPLETE)
    return bytes(tensor.reshape(-1)[0]).decode("utf-8")


def _json(result: InferResult, name: str) -> Report:
    # NaN and infinities are no JSON; they become null rather than reach a client.
    report = json.loads(_text(result, name), parse_constant=lambda _: None)
    if not isinstance(report, dict):
        raise InferenceFailed(_INCOMPLETE)
    return report
