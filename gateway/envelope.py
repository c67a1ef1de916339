"""What surrounds every answer: request id, trace, security headers, the last resort for faults, log and metrics."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.connection import CROWDED
from gateway.logs import FIELDS, REQUEST_ID
from gateway.problems import problem_response, unexpected
from gateway.trace import TRACE, begin_trace
from limner.errors import LimnerError, QueueFull, ShuttingDown

REQUEST_ID_HEADER = "X-Request-Id"

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Set where an answer does not set its own; a page widens the content policy for its own styles."""

HSTS = {"Strict-Transport-Security": "max-age=31536000"}
"""RFC 6797, over our own TLS only: behind a proxy, this is the proxy's to say."""

PIECE_BYTES = 65_536

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = logging.getLogger("limner.access")


@dataclass
class _Exchange:
    """How far a request and its answer have come; times in nanoseconds."""

    received: int
    """When the last part of the request came that was waited for."""

    answered: int = 0
    status: int = 0
    size: int = 0


class Envelope:
    """Pure ASGI middleware, the outermost one.

    Headers that others leave in the request's state as ``headers``, a dict, are added to whatever the answer is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter_ns()
        # Made here and never taken from the client, who could forge entries in the log.
        request_id = secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        logged_as, traced_as = REQUEST_ID.set(request_id), TRACE.set(begin_trace(scope["headers"]))
        exchange = _Exchange(started)

        async def receive_wrapped() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                exchange.received = time.perf_counter_ns()
            return message

        async def send_wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status, exchange.answered = message["status"], time.perf_counter_ns()
                headers = MutableHeaders(scope=message)
                headers.update(state.get("headers", {}))
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in (SECURITY_HEADERS | (HSTS if scope["scheme"] == "https" else {})).items():
                    headers.setdefault(name, value)
            elif message["type"] == "http.response.body":
                exchange.size += len(message.get("body", b""))
                message = await _all_but_the_end(message, send)
            await send(message)

        async def answer_problem(error: LimnerError, headers: dict[str, str] | None = None) -> None:
            await problem_response(error, request_id, headers)(scope, receive, send_wrapped)

        try:
            if state.get(CROWDED) and scope["path"] != "/healthz":
                crowded = QueueFull("Too many connections are open. Try again in a few seconds.")
                await answer_problem(crowded, {"Connection": "close"})
            else:
                await self.app(scope, receive_wrapped, send_wrapped)
        except asyncio.CancelledError:
            if exchange.status:
                raise
            # The server cancels what is not done when it has to stop.
            await answer_problem(ShuttingDown("The server was stopped. Send the request again in a few seconds."))
        except Exception as error:
            problem = unexpected(error)
            if exchange.status:
                raise  # The answer has begun: the server can only break the connection off.
            await answer_problem(problem)
        finally:
            _log_access(scope, exchange, time.perf_counter_ns() - started)
            _measure(scope, exchange)
            TRACE.reset(traced_as)
            REQUEST_ID.reset(logged_as)


async def _all_but_the_end(message: Message, send: Send) -> Message:
    """Send a long body in pieces, as fast as the client takes them; gives the last one.

    In one piece it would be copied into the server's buffer whole, and count as sent before the client has any of it:
    the time that a connection may idle would run, and end the transfer.
    """
    body = memoryview(message.get("body", b""))
    while len(body) > PIECE_BYTES:
        await send({**message, "body": bytes(body[:PIECE_BYTES]), "more_body": True})
        body = body[PIECE_BYTES:]
    return {**message, "body": bytes(body)}


def _route(scope: Scope) -> str:
    """The template, not the path asked for."""
    return getattr(scope.get("route"), "path", "unknown")


def _method(scope: Scope) -> str:
    """A client may make one up."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _log_access(scope: Scope, exchange: _Exchange, nanoseconds: int) -> None:
    """No query, no file name, no client address."""
    method, route = _method(scope), _route(scope)
    log.info(
        "%s %s %s",
        method,
        route,
        exchange.status,
        extra={
            FIELDS: {
                "event.action": "http-request",
                "event.duration": nanoseconds,
                "http.request.method": method,
                "http.response.body.bytes": exchange.size,
                "http.response.status_code": exchange.status,
                "http.route": route,
            }
        },
    )


def _measure(scope: Scope, exchange: _Exchange) -> None:
    """How long the server took: neither the client's upload nor its download is in it."""
    services = getattr(scope["app"].state, "services", None) if "app" in scope else None
    if services is not None and exchange.status:
        seconds = max(0, exchange.answered - exchange.received) / 1e9
        services.metrics.answered(_route(scope), _method(scope), exchange.status, seconds)
