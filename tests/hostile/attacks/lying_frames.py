"""HTTP/2 that says one thing and means another, for a proxy that passes it on as HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.deploy.nginx_server import NAME
from tests.hostile.attacks.smuggling import HIDDEN
from tests.hostile.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    Fields,
    Talk,
    frame,
    packed,
)

_PATH = b"/v1/photos"


@dataclass(frozen=True)
class Lie:
    """A request; ``sound``: it may be answered as if nothing were wrong with it, for its body is its body."""

    name: str
    fields: list[tuple[bytes, bytes]]
    body: bytes | None
    sound: bool = False


def _fields(*more: tuple[bytes, bytes], method: bytes = b"POST", path: bytes = _PATH) -> list[tuple[bytes, bytes]]:
    first = [(b":method", method), (b":scheme", b"https"), (b":authority", NAME.encode()), (b":path", path)]
    return [*first, *more]


def lies() -> Iterator[Lie]:
    """Each with :data:`HIDDEN` in what could be taken for the next request."""
    size = str(len(HIDDEN)).encode()
    for path in (_PATH, b"/v1/models"):
        for length in (b"0", b"5", b"+0", b"-1", b"0x0", b"", b"999", b"0, 0", b"1e1"):
            yield Lie(f"length {length!r} for {path!r}", _fields((b"content-length", length), path=path), HIDDEN)
        for coding in (b"chunked", b"identity", b"chunked, identity", b" chunked"):
            chunked = _fields((b"transfer-encoding", coding), path=path)
            yield Lie(f"coding {coding!r} for {path!r}", chunked, b"0\r\n\r\n" + HIDDEN, sound=True)
            both = _fields((b"transfer-encoding", coding), (b"content-length", b"0"), path=path)
            yield Lie(f"coding {coding!r} and length for {path!r}", both, b"0\r\n\r\n" + HIDDEN)
        two = _fields((b"content-length", size), (b"content-length", b"0"), path=path)
        yield Lie(f"two lengths for {path!r}", two, HIDDEN)
        yield Lie(f"a body for {path!r}", _fields((b"content-length", size), path=path), HIDDEN, sound=True)
        yield Lie(f"a body of GET {path!r}", _fields(method=b"GET", path=path), HIDDEN, sound=True)
    line = b"x\r\n\r\n" + HIDDEN
    yield Lie("lines in a value", _fields((b"x-a", line)), None)
    yield Lie("a header in a value", _fields((b"x-a", b"x\r\ntransfer-encoding: chunked")), HIDDEN)
    yield Lie("LF in a value", _fields((b"x-a", b"x\ntransfer-encoding: chunked")), HIDDEN)
    yield Lie("NUL in a value", _fields((b"x-a", b"x\x00y")), None)
    yield Lie("lines in a name", _fields((b"x-a: b\r\nx", b"y")), None)
    yield Lie("a colon in a name", _fields((b"transfer-encoding: chunked", b"")), HIDDEN, sound=True)
    yield Lie("a space in a name", _fields((b"transfer-encoding ", b"chunked")), HIDDEN, sound=True)
    yield Lie("capitals in a name", _fields((b"Transfer-Encoding", b"chunked")), HIDDEN, sound=True)
    hidden_path = b"/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN[: -len(b" HTTP/1.1\r\n\r\n")]
    yield Lie("lines in the path", _fields(path=hidden_path), None)
    yield Lie("a space in the path", _fields(path=b"/healthz HTTP/1.1", method=b"GET"), None, sound=True)
    yield Lie("lines in the method", _fields(method=b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET"), None)
    yield Lie("lines in the authority", [*_fields()[:2], (b":authority", b"localhost\r\nx: y"), *_fields()[3:]], None)
    yield Lie("two paths", _fields((b":path", b"/metrics")), None)
    yield Lie("two methods", _fields((b":method", b"DELETE")), None)
    yield Lie("a made-up pseudo-header", _fields((b":evil", b"1")), None)
    yield Lie("a late pseudo-header", [(b"x-a", b"b"), *_fields()], None, sound=True)
    yield Lie("no path", _fields()[:3], None)
    yield Lie("no method", _fields()[1:], None)
    yield Lie("an empty path", _fields(path=b""), None)
    yield Lie("a path without a slash", _fields(path=b"healthz"), None)
    yield Lie("two hosts", _fields((b"host", b"evil.invalid")), None, sound=True)
    yield Lie("headers of a connection", _fields((b"connection", b"upgrade"), (b"upgrade", b"h2c")), None, sound=True)


def request(method: bytes = b"GET", path: bytes = b"/healthz") -> Fields:
    """Nothing wrong with it."""
    return _fields(method=method, path=path)


async def rapid_resets(talk: Talk, count: int) -> None:
    """Requests that are taken back as soon as they are made (CVE-2023-44487)."""
    block = packed(request(path=b"/v1/models"))
    for number in range(count):
        stream = 1 + 2 * number
        begun = frame(HEADERS, END_HEADERS | END_STREAM, stream, block)
        await talk.send(begun, frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big")))


async def endless_headers(talk: Talk, count: int) -> None:
    """A head that goes on and on (CVE-2024-27316)."""
    await talk.send(frame(HEADERS, END_STREAM, 1, packed(request())))
    for _ in range(count):
        await talk.send(frame(CONTINUATION, 0, 1, packed([(b"x-more", b"a" * 2000)])))


async def questions(talk: Talk, count: int) -> None:
    """Pings, settings and empty data: all of them cost an answer or a look."""
    await talk.send(frame(HEADERS, END_HEADERS, 1, packed(request(b"POST", _PATH))))
    for _ in range(count):
        await talk.send(frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 0, 0), frame(DATA, 0, 1))
