"""Where attackers knock: bare connections, on which anything can be sent, and what comes back read strictly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.deploy.nginx_server import NAME

PATIENCE = 120.0
"""Seconds; whoever is neither answered nor cut off within them hangs."""

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """One response; names of ``headers`` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The body, which is problem+json."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> bool:
        """Whether it could still be sent."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return False
        return not self.writer.transport.is_closing()

    async def answer(self, *, head: bool = False) -> Answer | None:
        """The next response; None where the connection ends before one is whole. ``head``: to a HEAD, without a body.

        Raises:
            TimeoutError: neither comes within :data:`PATIENCE`.
        """
        try:
            return await asyncio.wait_for(self._read(head=head), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            if isinstance(error, TimeoutError):  # which is an OSError
                raise
            return None

    async def answers(self, *, head: bool = False) -> list[Answer]:
        """All responses until the connection ends; ``head``: the first is to a HEAD."""
        found: list[Answer] = []
        while (answer := await self.answer(head=head and not found)) is not None:
            found.append(answer)
        return found

    async def first_line(self, patience: float = PATIENCE) -> int | None:
        """The status that an answer begins with; None where there is none.

        Raises:
            TimeoutError: nothing comes within ``patience`` seconds.
        """
        try:
            line = await asyncio.wait_for(self.reader.readline(), patience)
        except (ConnectionError, ssl.SSLError):
            return None
        return int(line.split(b" ")[1]) if line.startswith(b"HTTP/1.1 ") else None

    async def some(self, size: int) -> int:
        """How much of ``size`` bytes comes before the end."""
        received = 0
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while received < size and (piece := await asyncio.wait_for(self.reader.read(65_536), PATIENCE)):
                received += len(piece)
        return received

    def reset(self) -> None:
        """Break off as a client that is gone."""
        bare = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _read(self, *, head: bool) -> Answer:
        begin = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = begin.decode("latin-1").split("\r\n")[:-2]
        version, _, status = first.partition(" ")
        assert version in {"HTTP/1.1", "HTTP/1.0"}, "what stands where an answer should begin is none"
        if status.startswith("1"):
            return await self._read(head=head)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if head:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join([piece async for piece in self._chunks()])
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        else:
            body = await self.reader.read()
        return Answer(int(status[:3]), headers, body)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()


@dataclass(frozen=True)
class Door:
    """A port of 127.0.0.1, with TLS where there is a context for it."""

    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @contextlib.asynccontextmanager
    async def line(self, source: str = "127.0.0.1", receive_buffer: int | None = None) -> AsyncIterator[Line]:
        """A connection from ``source``; ``receive_buffer`` bounds, in bytes, what the kernel takes unread.

        Raises:
            OSError: it is refused, or broken off at once.
        """
        bare = socket.socket()
        try:
            bare.setblocking(False)
            bare.bind((source, 0))
            if receive_buffer is not None:
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", self.port))
            limit = 65_536 if receive_buffer is None else receive_buffer
            named: dict[str, Any] = {}
            if self.tls is not None:
                named = {"ssl": self.tls, "server_hostname": NAME, "ssl_handshake_timeout": PATIENCE}
            reader, writer = await asyncio.open_connection(sock=bare, limit=limit, **named)
        except BaseException:
            bare.close()
            raise
        try:
            yield Line(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def ask(self, request: bytes, source: str = "127.0.0.1") -> Answer | None:
        """The first answer to what is sent on a connection of its own."""
        async with self.line(source) as line:
            await line.send(request)
            return await line.answer()


async def crowd(members: Iterable[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """All of ``members`` done, so many of them side by side."""
    places = asyncio.Semaphore(at_once)

    async def one(member: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await member()

    return await asyncio.gather(*(one(member) for member in members))
