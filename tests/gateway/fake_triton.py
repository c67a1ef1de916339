"""Servers that speak as much of Triton's gRPC as a photo needs, and that fail in the ways that servers fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
from tritonclient.grpc import service_pb2

from limner.catalog import Catalog

RESULT = b"an encoded image"
REPORT = {"output": {"format": "png"}}

EMPTY_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""The frame of HTTP/2 by which a server takes a connection."""

DEAD_STUB = "Failed to process the request(s) for model 'decode_image_0_0', message: Stub process 'x' is not healthy."
FULL = "[request id: 1] Exceeds maximum queue size"


class FakeTriton:
    """It enhances every photo into :data:`RESULT`, unless ``refusal`` is set or the photo has to wait."""

    def __init__(self) -> None:
        self.address = ""
        self.photos: list[bytes] = []
        """Those that reached it; canaries are not among them."""
        self.canaries = 0
        self.finished = 0
        self.cancelled = 0
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.open = asyncio.Event()
        """Photos wait until it is set, canaries do not."""
        self.open.set()

    async def infer(
        self, request: service_pb2.ModelInferRequest, context: grpc.aio.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        if request.model_name == "catalog":
            return _answer(CATALOG=_text(Catalog().to_json()))
        if request.id == "canary":
            self.canaries += 1
        else:
            self.photos.append(request.raw_input_contents[0])
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if self.refusal is not None:
            await context.abort(*self.refusal)
        self.finished += request.id != "canary"
        return _answer(IMAGE=RESULT, REPORT=_text(json.dumps(REPORT)))


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(4, "little") + text.encode()


def _answer(**outputs: bytes) -> service_pb2.ModelInferResponse:
    response = service_pb2.ModelInferResponse()
    for name, content in outputs.items():
        datatype, size = ("UINT8", len(content)) if name == "IMAGE" else ("BYTES", 1)
        response.outputs.add(name=name, datatype=datatype, shape=[size])
        response.raw_output_contents.append(content)
    return response


@contextlib.asynccontextmanager
async def listening(fake: FakeTriton, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[FakeTriton]:
    """``fake`` behind a port, which is told in its ``address``."""
    handler = grpc.unary_unary_rpc_method_handler(
        fake.infer,
        request_deserializer=service_pb2.ModelInferRequest.FromString,
        response_serializer=service_pb2.ModelInferResponse.SerializeToString,
    )
    server = grpc.aio.server()
    service = "inference.GRPCInferenceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"ModelInfer": handler}),))
    bound = server.add_insecure_port(f"{host}:{port}")
    assert bound, f"{host}:{port} is taken"
    fake.address = f"{host}:{bound}"
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(None)


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def misbehaving(behaviour: Behaviour, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """A port behind which every connection meets ``behaviour``; its address."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await behaviour(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(handle, host, port)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def dies_with_a_photo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and some of the call, then end."""
    writer.write(EMPTY_SETTINGS)
    received = 0
    while received < 200:
        received += len(await reader.read(65_536))


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a frozen process does, and looks like what a machine does that is gone."""
    del reader, writer
    await asyncio.Event().wait()
