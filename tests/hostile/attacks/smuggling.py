"""Requests of which two readers could see different ends, each with another request hidden in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.deploy.nginx_server import NAME
from tests.hostile.attacks.forms import ask
from tests.hostile.door import Door
from tests.hostile.tally import Tally

HIDDEN = ask("/v1/batches/4bf92f3577b34da6a3ce929d0e0e4736", "DELETE")
"""Must never be carried out. Nobody else deletes batches, so the gateway's log tells whether it was."""

END = "End-of-the-test"
"""What follows each case on the same connection asks for a path of this name, and the 404 comes last or never."""

ROUTES = (
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("POST", "/v1/enhance"),
    ("POST", "/v1/photos"),
    ("POST", "/v1/batches"),
    ("GET", "/v1/photos/4bf92f3577b34da6a3ce929d0e0e4736"),
    ("DELETE", "/v1/photos/4bf92f3577b34da6a3ce929d0e0e4736"),
    ("GET", "/v1/photos/4bf92f3577b34da6a3ce929d0e0e4736/events"),
    ("GET", "/v1/photos/4bf92f3577b34da6a3ce929d0e0e4736/image"),
    ("HEAD", "/healthz"),
    ("OPTIONS", "/v1/photos"),
    ("GET", "/nothing/here"),
    ("PUT", "/v1/models"),
)
"""Most of these read no body."""


@dataclass(frozen=True)
class Case:
    """``sound``: it has one meaning only, so it may be answered; what is hidden in it is its body.

    ``endless``: the server may go on waiting for the body, so nothing follows.
    """

    name: str
    request: bytes
    sound: bool = False
    endless: bool = False


def _chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


_SIZE = str(len(HIDDEN)).encode()
_INSIDE = b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"
"""A chunk in which it is hidden: carried out by whoever reads the body as the next request's head."""

_BEHIND = b"0\r\n\r\n" + HIDDEN
"""Carried out by whoever takes the body for chunks, where it is not."""

_BOTH = b"Transfer-Encoding: chunked\r\nContent-Length: "

_LENGTHS = (
    b"0\r\nContent-Length: " + _SIZE,
    _SIZE + b"\r\nContent-Length: 0",
    b"0, " + _SIZE,
    b"+0",
    b"-0",
    b"-1",
    b"0x0",
    b"0 0",
    b"0;0",
    b"0.0",
    b"0e0",
    b"",
    b" ",
    b"zero",
    b"1_0",
    b"\xb2",
    b"9" * 100,
    b"\x000",
    b"\x0b0",
    b"0\r",
)

_CODINGS = (
    b" chunked, identity",
    b" identity, chunked",
    b" identity",
    b" xchunked",
    b" chunkedx",
    b" chunked, chunked",
    b" gzip, chunked",
    b" chunked;q=1",
    b' "chunked"',
    b" chunked,",
    b" ,chunked",
    b"\x0bchunked",
    b"\x0cchunked",
    b" chunked\x00",
    b" \xa0chunked",
    b" chun\tked",
    b" x\r\n chunked",
    b" chunked\r\nTransfer-Encoding: chunked",
    b" chunked\r\nTransfer-Encoding: identity",
    b" identity\r\nTransfer-Encoding: chunked",
    b"",
)

_NAMES = (
    b"Transfer-Encoding ",
    b"Transfer-Encoding\t",
    b" Transfer-Encoding",
    b"\tTransfer-Encoding",
    b"Transfer\x00-Encoding",
    b"\xffTransfer-Encoding",
    b"Transfer-Encoding\r",
    b":Transfer-Encoding",
)

_SIZES = (
    b"-1",
    b"+1",
    b"0x1",
    b"g",
    b"",
    b" ",
    b"1 1",
    b"1\n",
    b"1;a\nb",
    b"\n",
    b"f" * 21,
    b"1_0",
    b"1\x00",
)


def cases(method: str = "POST", path: str = "/v1/photos") -> Iterator[Case]:
    """All of them as requests for one call."""

    def case(name: str, headers: bytes, body: bytes, version: str = "1.1", **kind: bool) -> Case:
        first = f"{method} {path} HTTP/{version}\r\nHost: {NAME}\r\n".encode()
        return Case(name, first + headers + b"\r\n\r\n" + body, **kind)

    yield case("CL.TE", b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(_BEHIND), _BEHIND)
    yield case("TE.CL", _BOTH + b"4", _INSIDE)
    yield case("TE.CL 0", _BOTH + b"0", _INSIDE)
    yield case("CL.TE, 1.0", b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(_BEHIND), _BEHIND, version="1.0")
    for value in _LENGTHS:
        yield case(f"length {value!r}", b"Content-Length: " + value, HIDDEN)
    for value in _CODINGS:
        for body in (_INSIDE, _BEHIND):
            yield case(f"coding {value!r}", b"Transfer-Encoding:" + value, body)
        both = b"Content-Length: %d\r\nTransfer-Encoding:" % len(_BEHIND) + value
        yield case(f"length and coding {value!r}", both, _BEHIND)
    for name in _NAMES:
        yield case(f"name {name!r}", b"Content-Length: %d\r\n" % len(_BEHIND) + name + b": chunked", _BEHIND)
    chunked = b"Transfer-Encoding: chunked"
    for value in _SIZES:
        yield case(f"chunk of {value!r}", chunked, value + b"\r\n" + HIDDEN + b"\r\n0\r\n\r\n")
    yield case("bare LF after a size", chunked, b"1\na\r\n" + _BEHIND)
    yield case("bare LF after a chunk", chunked, b"1\r\na\n" + _BEHIND)
    yield case("no end of a chunk", chunked, b"1\r\na" + _BEHIND)
    yield case("chunk shorter than said", chunked, b"2\r\na\r\n" + _BEHIND)
    yield case("chunk longer than said", chunked, b"1\r\nab\r\n" + _BEHIND)
    yield case("bare CR", chunked, b"1\ra\r" + _BEHIND)
    yield case("extension", chunked, b"1;a=b\r\na\r\n" + _INSIDE, sound=True)
    yield case("extension of 20 KB", chunked, b"1;" + b"a" * 20_000 + b"\r\na\r\n" + _INSIDE, sound=True)
    yield case("folded", b"Transfer-Encoding:\r\n chunked", _INSIDE, sound=True)  # RFC 9112, 5.2, allows both
    for value in (b"18446744073709551616", b"9223372036854775807"):
        yield case(f"length {value!r}", b"Content-Length: " + value, HIDDEN, endless=True)
    for value in (b"f" * 16, b"1" + b"0" * 16, b"7" + b"f" * 15):
        yield case(f"chunk of {value!r}", chunked, value + b"\r\n" + HIDDEN + b"\r\n0\r\n\r\n", endless=True)
    yield case("chunks", chunked, _chunks(HIDDEN), sound=True)
    yield case("case of the name", b"tRaNsFeR-eNcOdInG: cHuNkEd", _chunks(HIDDEN), sound=True)
    yield case("a body", b"Content-Length: " + _SIZE, HIDDEN, sound=True)
    yield case("leading zeros", b"Content-Length: 000" + _SIZE, HIDDEN, sound=True)
    yield case("trailers", chunked, b"0\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n", sound=True)


def bodies_of_every_call() -> Iterator[Case]:
    """CL.0 and TE.0: a body for calls that expect none."""
    for method, path in ROUTES:
        head = f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\n".encode()
        yield Case(f"CL.0 {method} {path}", head + b"Content-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN, sound=True)
        yield Case(f"TE.0 {method} {path}", head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunks(HIDDEN), sound=True)
        waiting = b"Expect: 100-continue\r\nContent-Length: "
        yield Case(f"CL.0, expected, {method} {path}", head + waiting + _SIZE + b"\r\n\r\n" + HIDDEN, sound=True)


async def smuggle(door: Door, case: Case, tally: Tally, source: str = "127.0.0.1") -> list[int]:
    """The statuses of all answers to one case and to the ordinary request that follows it on the same connection."""
    async with door.line(source) as line:
        tally.connections += 1
        tally.requests += 1 if case.endless else 2
        await line.send(case.request)
        head = case.request.startswith(b"HEAD ")
        try:
            if case.endless:
                first = await line.answer(head=head)
                answers = [] if first is None else [first]
            else:
                await line.send(ask(f"/{END}", headers="Connection: close\r\n"))
                answers = await line.answers(head=head)
        except TimeoutError:
            tally.hangs += 1
            return []
    for answer in answers:
        tally.note(answer)
    return [answer.status for answer in answers]
