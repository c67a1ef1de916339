"""Errors as RFC 9457 problem+json."""

from __future__ import annotations

import logging

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

from limner.errors import InputError, LimnerError, MethodNotAllowed, NotCompleted, NotFound, QuotaExceeded

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = logging.getLogger("limner.gateway")


class Problem(BaseModel):
    """RFC 9457. Every error of this API has this form."""

    type: str = Field(description="Stable name of the kind of error.", examples=["urn:limner:problem:file-too-large"])
    title: str = Field(description="The kind of error in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do.")
    instance: str = Field(
        description="This occurrence.", examples=["urn:limner:request:0123456789abcdef0123456789abcdef"]
    )
    request_id: str = Field(description="The same as the header X-Request-Id; name it when you ask for help.")


def problem_response(error: LimnerError, request_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer that tells of ``error``."""
    problem = Problem(
        type=f"urn:limner:problem:{error.type}",
        title=error.title,
        status=error.status,
        detail=error.message,
        instance=f"urn:limner:request:{request_id}",
        request_id=request_id,
    )
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if (seconds := _retry_after(error)) is not None:
        headers["Retry-After"] = str(seconds)
    return JSONResponse(problem.model_dump(), error.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def _retry_after(error: LimnerError) -> int | None:
    """Seconds after which the same request may succeed; None where only another one would."""
    if isinstance(error, QuotaExceeded | NotCompleted):
        return error.retry_after
    return RETRY_AFTER_SECONDS if error.status == 503 else None


def unexpected(error: Exception) -> LimnerError:
    """A neutral error for a fault of ours. The log gets the place, not the message, which may quote a request."""
    place, trace = "nowhere", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{trace.tb_frame.f_globals.get('__name__')}.{code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    log.error("unexpected %s in %s", type(error).__name__, place)
    return LimnerError("Something went wrong inside the server. Its log has the place under this request id.")


async def on_limner_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LimnerError)  # noqa: S101 - registered for this class only
    return problem_response(error, request.state.request_id)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    known: LimnerError
    if error.status_code == 404:
        known = NotFound("There is nothing at this path. The calls are listed at /docs.")
    elif error.status_code == 405:
        known = MethodNotAllowed(f"This path does not take {request.method[:10]}. The calls are listed at /docs.")
    elif error.status_code < 500:
        known = InputError("The request cannot be understood. The calls are listed at /docs.")
    else:
        known = LimnerError("Something went wrong inside the server.")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem_response(known, request.state.request_id, headers)


def _allowed(request: Request) -> list[str]:
    """The methods that the path takes (RFC 9110, 10.2.1); the framework names those of one route only."""
    asked = ((method, {**request.scope, "method": method}) for method in _METHODS)
    routes = request.app.router.routes
    return [method for method, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


async def on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """A parameter that FastAPI refused: its place and reason, without the value."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem_response(InputError(f"{place[:60]}: {first['msg']}."), request.state.request_id)
