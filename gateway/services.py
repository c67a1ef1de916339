"""What the calls share. The lifespan of the application owns it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from gateway.access.client import Client
from gateway.access.rate_limit import RateLimiter
from gateway.audit import Audit, InputType, Kind
from gateway.capacity import Capacity, PerClient
from gateway.metrics import Metrics
from gateway.readiness import Readiness
from gateway.state.store import Store
from gateway.tasks.desk import Desk
from gateway.tasks.queue import Queue
from gateway.tasks.work import Work
from gateway.triton import TritonClient
from limner.errors import Cancelled, QueueFull
from limner.settings import Settings


@dataclass(frozen=True)
class Services:
    settings: Settings
    triton: TritonClient
    store: Store
    queue: Queue
    batches: Capacity
    uploads: PerClient
    streams: PerClient
    work: Work
    desk: Desk
    limiter: RateLimiter
    metrics: Metrics
    readiness: Readiness
    audit: Audit

    @contextmanager
    def admission(self) -> Iterator[None]:
        """A place inside, for an upload and what follows from it.

        Raises:
            QueueFull: no place is free, or results that wait to be fetched fill the memory.
            ShuttingDown: the gateway is about to stop.
        """
        if self.store.held + self.desk.shelf.sending > self.settings.max_held_bytes:
            raise QueueFull("Results that wait to be fetched fill the memory. Fetch yours, or try again in a minute.")
        with self.queue.admission():
            yield

    def took(self, *, kind: Kind, client: Client, size: int, file_type: InputType, task: str | None = None) -> None:
        """Note an upload of ``size`` bytes."""
        self.metrics.uploaded(kind, file_type, size)
        self.audit.upload(kind=kind, client=client.name, task=task, input_bytes=size, input_type=file_type)

    def handed_out(self, *, kind: Kind, client: Client, size: int, task: str | None = None) -> None:
        """Note the delivery of a result of ``size`` bytes."""
        self.metrics.delivered(size)
        self.audit.delivery(kind=kind, client=client.name, task=task, output_bytes=size)

    def broke_off(self, *, kind: Kind, client: Client, size: int, task: str | None = None) -> None:
        """Note a delivery whose connection broke."""
        self.audit.delivery(kind=kind, client=client.name, task=task, output_bytes=size, error=Cancelled.type)


async def _services(request: Request) -> Services:  # FastAPI gives all others to threads
    services: Services = request.app.state.services
    return services


Shared = Annotated[Services, Depends(_services)]
"""Type of an endpoint's parameter that receives the services."""
