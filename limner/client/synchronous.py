"""The client for programs without an event loop. It may be used by several threads at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
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

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    outcome = self._take(step)
                except Exception as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _take(self, step: Step) -> object:
        if isinstance(step, Open):
            self._close()
            request = self._http.build_request(**step.call.arguments())
            self._response = self._http.send(request, stream=True)
            self._chunks = self._response.iter_bytes()
            return self._response
        if isinstance(step, Read):
            return next(self._chunks, None)
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        return step.function()

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()


class _Work(Generic[State]):
    def __init__(self, http: httpx.Client, calls: flows.TaskFlows[State]) -> None:
        self._http, self._calls = http, calls

    def status(self) -> State:
        """How far it is."""
        return _run(self._http, self._calls.status())

    def events(self) -> Iterator[Event[State]]:
        """Its place in the queue and its progress, as they change; the last event is ``done``, whatever the outcome.

        A connection that breaks is made anew, for a minute.
        """
        following = Following(self._calls)
        with _Runner(self._http) as runner:
            while (event := runner.run(following.next())) is not None:
                yield event

    def wait(self, timeout: float | None = None) -> State:
        """Return when there is a result.

        Args:
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            LimnerError: what it failed with; Gone where it was deleted or has expired; NotCompleted after ``timeout``.
        """
        return _run(self._http, self._calls.wait(timeout))

    def delete(self) -> None:
        """Cancel it, or wipe its result."""
        _run(self._http, self._calls.delete())


class Task(_Work[PhotoStatus]):
    """A photo that was handed in."""

    def __init__(self, http: httpx.Client, task_id: str, patience: float) -> None:
        self.task_id = task_id
        self._photo = flows.PhotoFlows(task_id, patience)
        super().__init__(http, self._photo)

    def fetch(self) -> EnhancedPhoto:
        """The result, once: then the server has it no more. A download that breaks is tried again, for a minute.

        Raises:
            NotCompleted: it is not there yet, or it failed.
            Gone: it was fetched, deleted or has expired.
        """
        return _run(self._http, self._photo.fetch())


class Batch(_Work[BatchStatus]):
    """An archive that was handed in."""

    def __init__(self, http: httpx.Client, batch_id: str, patience: float) -> None:
        self.batch_id = batch_id
        self._batch = flows.BatchFlows(batch_id, patience)
        super().__init__(http, self._batch)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result, a ZIP, to ``path``, whole or not at all; once: then the server has it no more.

        Raises:
            NotCompleted: it is not there yet, or it failed.
            Gone: it was fetched, deleted or has expired.
            OSError: it cannot be written.
        """
        _run(self._http, save(self._batch, Path(path)))


class Limner:
    """A server that speaks Limner's HTTP API.

    Args:
        server: its address.
        api_key: sent as ``Authorization: Bearer``; None takes ``LIMNER_API_KEY`` from the environment.
        patience: seconds that a call waits, in all, where the server asks it to come again (429 and 503).
        timeout: seconds that :meth:`enhance` waits for its answer.

    Raises:
        InvalidOption: the address or the key cannot be one.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        api_key: str | None = None,
        patience: float = 300.0,
        timeout: float = 900.0,
    ) -> None:
        self._http = httpx.Client(**http_arguments(server_url(server), checked_key(api_key)))
        self._patience, self._timeout = patience, timeout

    def __enter__(self) -> Limner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def enhance(self, photo: Upload, *, filename: str | None = None, **options: Value) -> EnhancedPhoto:
        """Send a photo and wait for the result.

        Args:
            photo: a path, the encoded bytes, or a file opened for reading bytes.
            filename: what the server is told; None takes the file's own name.
            options: as :mod:`limner.options` has them, checked before anything is sent.

        Raises:
            LimnerError: of the class that the server names.
            OSError: the file cannot be read.
        """
        return _run(self._http, flows.enhance(photo, filename, options, self._patience, self._timeout))

    def submit(self, photo: Upload, *, filename: str | None = None, **options: Value) -> Task:
        """Hand in a photo; arguments and errors are those of :meth:`enhance`."""
        return self.task(_run(self._http, flows.submit(photo, filename, options, self._patience)))

    def task(self, task_id: str) -> Task:
        """A photo that was handed in before; the server is not asked."""
        return Task(self._http, flows.checked_id(task_id), self._patience)

    def submit_batch(self, archive: Upload, *, filename: str | None = None, **options: Value) -> Batch:
        """Hand in a ZIP or RAR of photos; arguments and errors are those of :meth:`enhance`."""
        return self.batch(_run(self._http, flows.submit_batch(archive, filename, options, self._patience)))

    def batch(self, batch_id: str) -> Batch:
        """An archive that was handed in before; the server is not asked."""
        return Batch(self._http, flows.checked_id(batch_id), self._patience)

    def models(self) -> Catalog:
        """The models, best first within a role, and why some are not available."""
        return _run(self._http, flows.models(self._patience))

    def ready(self) -> bool:
        """Whether the server can enhance photos now.

        Raises:
            ServerUnreachable: it does not answer.
        """
        return _run(self._http, flows.ready())


def _run(http: httpx.Client, flow: Flow[T]) -> T:
    with _Runner(http) as runner:
        return runner.run(flow)
