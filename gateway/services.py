"""What the calls share. The lifespan of the application owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from gateway.capacity import Capacity
from gateway.metrics import Metrics
from gateway.readiness import Readiness
from gateway.triton import TritonClient
from limner.settings import Settings


@dataclass(frozen=True)
class Services:
    settings: Settings
    triton: TritonClient
    capacity: Capacity
    metrics: Metrics
    readiness: Readiness


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Shared = Annotated[Services, Depends(_services)]
"""Type of an endpoint's parameter that receives the services."""
