"""What surrounds every answer: request id, security headers, the last resort for faults, the access log."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.logs import FIELDS, REQUEST_ID
from gateway.problems import problem_response, unexpected

REQUEST_ID_HEADER = "X-Request-Id"

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Set where an answer does not set its own; a page widens the content policy for its own styles."""

log = logging.getLogger("limner.access")


@dataclass
class _Answer:
    """What has been sent so far."""

    status: int = 0
    size: int = 0


class Envelope:
    """Pure ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter_ns()
        # Made here and never taken from the client, who could forge entries in the log.
        request_id = secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        logged_as = REQUEST_ID.set(request_id)
        answer = _Answer()

        async def send_wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            elif message["type"] == "http.response.body":
                answer.size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_wrapped)
        except Exception as error:
            problem = unexpected(error)
            if answer.status:
                raise  # The answer has begun: the server can only break the connection off.
            await problem_response(problem, request_id)(scope, receive, send_wrapped)
        finally:
            _log_access(scope, answer, time.perf_counter_ns() - started)
            REQUEST_ID.reset(logged_as)


def _log_access(scope: Scope, answer: _Answer, nanoseconds: int) -> None:
    """No query, no file name, no client address: the route is the template, not the path asked for."""
    route = getattr(scope.get("route"), "path", "unknown")
    log.info(
        "%s %s %s",
        scope["method"],
        route,
        answer.status,
        extra={
            FIELDS: {
                "event.action": "http-request",
                "event.duration": nanoseconds,
                "http.request.method": scope["method"],
                "http.response.body.bytes": answer.size,
                "http.response.status_code": answer.status,
                "http.route": route,
            }
        },
    )
