"""``/healthz``, ``/readyz`` and ``/metrics``: what operators and their tools ask."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from gateway.openapi import problem_responses
from gateway.services import Shared
from limner.errors import Forbidden, InferenceUnavailable, LimnerError, ShuttingDown, Unauthorized

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    status: Literal["ok", "ready"]


@router.get(
    "/healthz", summary="Is the gateway alive", operation_id="healthz", responses=problem_responses(LimnerError)
)
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Has an inference passed recently",
    operation_id="readyz",
    responses=problem_responses(InferenceUnavailable, ShuttingDown, LimnerError),
)
async def readyz(services: Shared) -> Health:
    services.queue.refuse_if_closed()
    services.readiness.check()
    return Health(status="ready")


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    operation_id="metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problem_responses(Unauthorized, Forbidden, LimnerError),
    },
)
async def metrics(services: Shared) -> Response:
    return Response(services.metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
