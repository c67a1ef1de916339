"""As much of HTTP/2 (RFC 9113) as it takes to lie in it: frames by hand, headers as literals (RFC 7541, 6.2.2)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from tests.hostile.door import PATIENCE, Door, Line

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Fields = Iterable[tuple[bytes, bytes]]

_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
"""Those that have a place in HPACK's table."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def packed(fields: Fields) -> bytes:
    """Literals that are never indexed and not Huffman-coded: whatever bytes there are."""
    return b"".join(b"\x10" + _text(name) + _text(value) for name, value in fields)


def _text(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, length = len(text) - 127, b"\x7f"
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return length + bytes([rest]) + text


@dataclass
class Talk:
    """What a server has said on a connection: statuses by stream, and which streams or all it has ended."""

    line: Line
    statuses: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    closed: bool = False

    async def send(self, *frames: bytes) -> None:
        await self.line.send(b"".join(frames))

    async def request(self, stream: int, fields: Fields, body: bytes | None = None) -> None:
        """One request as it is; ``body`` ends its stream."""
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        await self.send(frame(HEADERS, flags, stream, packed(fields)))
        if body is not None:
            await self.send(frame(DATA, END_STREAM, stream, body))

    async def until_ended(self, stream: int) -> int | None:
        """The status of the answer; None where the stream or the connection was ended without one.

        Raises:
            TimeoutError: neither comes within the patience.
        """
        while stream not in self.ended and not self.closed:
            await asyncio.wait_for(self._take(), PATIENCE)
        return self.statuses.get(stream)

    async def _take(self) -> None:
        try:
            head = await self.line.reader.readexactly(9)
            payload = await self.line.reader.readexactly(int.from_bytes(head[:3], "big"))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self.closed = True
            return
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == HEADERS and stream not in self.statuses:
            self.statuses[stream] = _status(payload)
        if kind == SETTINGS and not flags & ACK:
            await self.send(frame(SETTINGS, ACK, 0))
        if kind == RST_STREAM or (kind in {DATA, HEADERS} and flags & END_STREAM):
            self.ended.add(stream)
        self.closed = self.closed or kind == GOAWAY


def _status(block: bytes) -> int:
    """``:status`` comes first; nginx writes it as an index, or as a literal of three digits."""
    while block[0] & 0xE0 == 0x20:  # a change of the table's size
        block = block[1:]
    if block[0] in _STATUSES:
        return _STATUSES[block[0]]
    assert block[1] == 3, "the status is written in another way"
    return int(block[2:5])


@contextlib.asynccontextmanager
async def talk(door: Door, source: str = "127.0.0.1") -> AsyncIterator[Talk]:
    """A connection on which both sides have agreed on HTTP/2."""
    assert door.tls is not None
    door.tls.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with door.line(source) as line:
            assert line.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
            await line.send(PREFACE + frame(SETTINGS, 0, 0))
            yield Talk(line)
    finally:
        door.tls.set_alpn_protocols(["http/1.1"])
