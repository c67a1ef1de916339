"""The client for programs with an asyncio event loop: every call as in :mod:`limner.client.synchronous`, awaited.

Cancelling a call closes its connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import httpx

from limner.catalog import Catalog
from limner.client import flows
from limner.client.address import DEFAULT_SERVER, checked_key, http_arguments, server_url
from limner.client.answers import BatchStatus, EnhancedPhoto, PhotoStatus
from limner.client.events import Event, State
from limner.client.following import Following
from limner.client.saving import save
from limner.client.steps import Flow, Open, Pause, Read, Step
from limner.client.uploads import Upload
from limner.options import Value

T = TypeVar("T")


class _Runner:
    """Carries out flows one after the other; a response that one left open is read on by the next."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> _Runner:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    outcome = await self._take(step)
                except Exception as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _take(self, step: Step) -> object:
        if isinstance(step, Open):
            await self._close()
            request = self._http.build_request(**step.call.arguments())
            self._response = await self._http.send(request, stream=True)
            self._chunks = self._response.aiter_bytes()
            return self._response
        if isinstance(step, Read):
            return None if self._chunks is None else await anext(self._chunks, None)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        return await asyncio.to_thread(step.function)

    async def _close(self) -> None:
        if self._response is not None:
            await self._response.aclose()


class _Work(Generic[State]):
    def __init__(self, http: httpx.AsyncClient, calls: flows.TaskFlows[State]) -> None:
        self._http, self._calls = http, calls

    async def status(self) -> State:
        """How far it is."""
        return await _run(self._http, self._calls.status())

    async def events(self) -> AsyncIterator[Event[State]]:
        """See :meth:`limner.client.Task.events`."""
        following = Following(self._calls)
        async with _Runner(self._http) as runner:
            while (event := await runner.run(following.next())) is not None:
                yield event

    async def wait(self, timeout: float | None = None) -> State:
        """See :meth:`limner.client.Task.wait`."""
        return await _run(self._http, self._calls.wait(timeout))

    async def delete(self) -> None:
        """Cancel it, or wipe its result."""
        await _run(self._http, self._calls.delete())


class AsyncTask(_Work[PhotoStatus]):
    """A photo that was handed in."""

    def __init__(self, http: httpx.AsyncClient, task_id: str, patience: float) -> None:
        self.task_id = task_id
        self._photo = flows.PhotoFlows(task_id, patience)
        super().__init__(http, self._photo)

    async def fetch(self) -> EnhancedPhoto:
        """See :meth:`limner.client.Task.fetch`."""
        return await _run(self._http, self._photo.fetch())


class AsyncBatch(_Work[BatchStatus]):
    """An archive that was handed in."""

    def __init__(self, http: httpx.AsyncClient, batch_id: str, patience: float) -> None:
        self.batch_id = batch_id
        self._batch = flows.BatchFlows(batch_id, patience)
        super().__init__(http, self._batch)

    async def save(self, path: str | os.PathLike[str]) -> None:
        """See :meth:`limner.client.Batch.save`."""
        await _run(self._http, save(self._batch, Path(path)))


class AsyncLimner:
    """See :class:`limner.client.Limner`, whose arguments it takes."""

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        api_key: str | None = None,
        patience: float = 300.0,
        timeout: float = 900.0,
    ) -> None:
        self._http = httpx.AsyncClient(**http_arguments(server_url(server), checked_key(api_key)))
        self._patience, self._timeout = patience, timeout

    async def __aenter__(self) -> AsyncLimner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def enhance(self, photo: Upload, *, filename: str | None = None, **options: Value) -> EnhancedPhoto:
        """See :meth:`limner.client.Limner.enhance`."""
        return await _run(self._http, flows.enhance(photo, filename, options, self._patience, self._timeout))

    async def submit(self, photo: Upload, *, filename: str | None = None, **options: Value) -> AsyncTask:
        """See :meth:`limner.client.Limner.submit`."""
        return self.task(await _run(self._http, flows.submit(photo, filename, options, self._patience)))

    def task(self, task_id: str) -> AsyncTask:
        """A photo that was handed in before; the server is not asked."""
        return AsyncTask(self._http, flows.checked_id(task_id), self._patience)

    async def submit_batch(self, archive: Upload, *, filename: str | None = None, **options: Value) -> AsyncBatch:
        """See :meth:`limner.client.Limner.submit_batch`."""
        return self.batch(await _run(self._http, flows.submit_batch(archive, filename, options, self._patience)))

    def batch(self, batch_id: str) -> AsyncBatch:
        """An archive that was handed in before; the server is not asked."""
        return AsyncBatch(self._http, flows.checked_id(batch_id), self._patience)

    async def models(self) -> Catalog:
        """See :meth:`limner.client.Limner.models`."""
        return await _run(self._http, flows.models(self._patience))

    async def ready(self) -> bool:
        """See :meth:`limner.client.Limner.ready`."""
        return await _run(self._http, flows.ready())


async def _run(http: httpx.AsyncClient, flow: Flow[T]) -> T:
    async with _Runner(http) as runner:
        return await runner.run(flow)
