"""A kept-alive HTTP/1.1 connection with next to no cost of its own: what is measured shall be the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_SECONDS = 30.0
"""A call without an answer for this long has failed."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""


class Broken(Exception):
    """The connection broke, or there was no answer in time."""


class Connection:
    """To ``url``, opened with the first call and again after one that failed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> Answer:
        """One call, to the last byte of its answer.

        Raises:
            Broken: see there.
        """
        with self._patience():
            reader, headers, status = await self._send(method, path, body, content_type)
            return Answer(status, await reader.readexactly(int(headers.get(b"content-length", b"0"))))

    async def stream(self, path: str) -> AsyncIterator[Answer]:
        """The head of a chunked answer, and then each of its chunks.

        Raises:
            Broken: see there.
        """
        with self._patience():
            reader, headers, status = await self._send("GET", path)
        yield Answer(status)
        if b"content-length" in headers:
            with self._patience():
                await reader.readexactly(int(headers[b"content-length"]))
            return
        size = 1
        while size:
            with self._patience():
                size = int(await reader.readuntil(b"\r\n"), 16)
                chunk = await reader.readexactly(size + 2)
            if size:
                yield Answer(status, chunk[:-2])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        """Not ``asyncio.wait_for``: before Python 3.12 it may lose a cancellation."""
        timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._abort)
        try:
            yield
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise Broken(type(error).__name__) from None
        finally:
            timer.cancel()

    def _abort(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()

    async def _send(
        self, method: str, path: str, body: bytes = b"", content_type: str = ""
    ) -> tuple[asyncio.StreamReader, dict[bytes, bytes], int]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()
        first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        return reader, {name.lower(): value.strip() for name, _, value in pairs}, int(first.split()[1])
