"""One exchange with the server: refusals waited out, problems raised, broken connections named."""

from __future__ import annotations

import httpx

from limner.client.answers import read_problem
from limner.client.retries import RETRIED, Waits, seconds_of
from limner.client.steps import Call, Flow, Open, Pause, Read
from limner.errors import ServerUnreachable


def opened(call: Call, patience: float) -> Flow[httpx.Response]:
    """The answer to ``call``, a success, its body unread. A 429 or 503 is waited out, ``patience`` seconds in all.

    Raises:
        LimnerError: of the class that the problem names, or ServerUnreachable.
    """
    waits = Waits(patience)
    while True:
        try:
            response: httpx.Response = yield Open(call)
        except httpx.RequestError as error:
            raise _unreachable(error) from None
        if response.is_success:
            return response
        retry_after = seconds_of(response.headers.get("retry-after"))
        problem = read_problem(response, (yield from body()), retry_after)
        pause = waits.next(retry_after) if response.status_code in RETRIED else None
        if pause is None:
            raise problem
        yield Pause(pause)


def piece() -> Flow[bytes | None]:
    """The next bytes of the open answer, or None after the last.

    Raises:
        ServerUnreachable: the connection broke before the end.
    """
    try:
        chunk: bytes | None = yield Read()
    except httpx.RequestError as error:
        raise _unreachable(error) from None
    return chunk


def body() -> Flow[bytes]:
    """All bytes of the open answer. Raises as :func:`piece` does."""
    whole = bytearray()
    while (chunk := (yield from piece())) is not None:
        whole += chunk
    return bytes(whole)


def answer(call: Call, patience: float) -> Flow[bytes]:
    """The whole body of the answer. Raises as :func:`opened` does."""
    yield from opened(call, patience)
    return (yield from body())


def _unreachable(error: httpx.RequestError) -> ServerUnreachable:
    host = f"{error.request.url.scheme}://{error.request.url.netloc.decode('ascii', 'replace')}"
    reason = f" ({error})" if str(error) else ""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)):
        return ServerUnreachable(f"{host} cannot be reached{reason}. Check the address, and whether the server runs.")
    if isinstance(error, httpx.TimeoutException):
        return ServerUnreachable(f"{host} has been silent for too long. Try again later.")
    return ServerUnreachable(f"The connection to {host} broke{reason}. Try again.")
