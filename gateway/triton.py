"""The typed client of the Triton models that the gateway and the command line talk to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc.aio import InferResult

from gateway.addresses import Address, Addresses
from gateway.balance import Balance
from gateway.failover import Failover
from gateway.filenames import EXTENSIONS
from gateway.inference import Call, infer
from gateway.recent import Recent
from gateway.report import Report
from limner.canary import LIGHT_PARAMETERS, canary_png
from limner.catalog import Catalog
from limner.endpoints import parse_endpoints
from limner.errors import InferenceFailed
from limner.options import Options, parse_options

UInt8 = NDArray[np.uint8]

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
    ends, with a part of the photo and of the result. Which server it goes to is told anew each time, too.
    """

    def __init__(self, url: str, on_retry: Callable[[str], None] = lambda _: None) -> None:
        """One or several servers, as :func:`limner.endpoints.parse_endpoints` reads ``url``.

        ``on_retry`` is told whenever a call is given to another server: the type of the error that the last one gave.
        """
        self._addresses = Addresses(parse_endpoints(url))
        self._servers = Failover(self._addresses, Balance(), on_retry)
        self._catalog = Recent(self._ask_for_catalog, _CATALOG_SECONDS)

    async def close(self) -> None:
        await self._addresses.close()

    async def enhance(self, image: bytes | bytearray, options: Options, *, request_id: str, timeout: float) -> Enhanced:
        """Run ``face_enhance`` on an encoded photo, within ``timeout`` seconds.

        Raises:
            LimnerError: whichever the models or the gRPC status tell; see :mod:`gateway.triton_errors`.
        """
        call = _photo_call("face_enhance", options, request_id=request_id)
        result = await self._enhance(call, image, timeout)
        return Enhanced(*_enhanced(result))

    async def enhance_with_faces(
        self, image: bytes | bytearray, options: Options, *, request_id: str, timeout: float
    ) -> EnhancedFaces:
        """Run ``enhance_with_faces``: as :meth:`enhance`, and the restored faces one by one.

        Raises:
            LimnerError: as :meth:`enhance`.
        """
        outputs = ("CROPPED", "RESTORED")
        call = _photo_call("enhance_with_faces", options, *outputs, request_id=request_id)
        result = await self._enhance(call, image, timeout)
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

    async def due(self, age: float) -> list[Address]:
        """Servers that are to be sent a canary: see :meth:`gateway.failover.Failover.due`."""
        return await self._servers.due(age)

    async def canary(self, address: Address, timeout: float) -> None:
        """Send a tiny photo through one server, which is avoided if it fails, until an inference passes there.

        Raises:
            LimnerError: it failed.
        """
        call = _photo_call("face_enhance", parse_options(LIGHT_PARAMETERS), request_id="canary")

        async def attempt(address: Address, seconds: float) -> None:
            _enhanced(await infer(address, call, np.frombuffer(canary_png(), np.uint8), seconds))

        await self._servers.check(attempt, address, timeout)

    @property
    def servers(self) -> int:
        """How many are known at present."""
        return len(self._addresses.known)

    @property
    def avoided(self) -> int:
        """How many of them get photos only where all are avoided, because they failed."""
        return self._servers.avoided

    async def _ask_for_catalog(self) -> Catalog:
        call = Call("catalog", "QUERY", ("CATALOG",))

        async def attempt(address: Address, seconds: float) -> Catalog:
            return Catalog.from_json(_text(await infer(address, call, np.zeros(1, np.uint8), seconds), "CATALOG"))

        return await self._servers.run(attempt, _CATALOG_TIMEOUT_SECONDS)

    async def _enhance(self, call: Call, image: bytes | bytearray, timeout: float) -> InferResult:
        async def attempt(address: Address, seconds: float) -> InferResult:
            result = await infer(address, call, np.frombuffer(image, np.uint8), seconds)
            self._servers.passed(address)
            return result

        return await self._servers.run(attempt, timeout)


def _photo_call(model: str, options: Options, *more_outputs: str, request_id: str) -> Call:
    return Call(model, "IMAGE", ("IMAGE", "REPORT", *more_outputs), request_id, options.to_parameters())


def _enhanced(result: InferResult) -> tuple[bytes, str, Report]:
    """The encoded image, its format and the report."""
    report = _json(result, "REPORT")
    output = report.get("output")
    image_format = output.get("format") if isinstance(output, dict) else None
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
