"""What each call of the client does, step by step, with no input or output of its own."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any, Generic

from limner.catalog import Catalog
from limner.client.answers import (
    BatchAccepted,
    BatchStatus,
    EnhancedPhoto,
    PhotoAccepted,
    PhotoStatus,
    read,
    read_catalog,
    read_photo,
)
from limner.client.events import State
from limner.client.exchange import answer, body, opened
from limner.client.outages import Outage
from limner.client.steps import Call, Flow, Pause
from limner.client.uploads import Upload
from limner.client.uploads import opened as opened_upload
from limner.errors import CapacityError, InvalidOption, NotCompleted, ServerUnreachable
from limner.options import Value, parse_options

_SHORTEST_LOOK, _LONGEST_LOOK = 0.1, 2.0
_SILENCE_SECONDS = 60.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def checked_id(text: str) -> str:
    """``text``, which becomes part of a path; InvalidOption where it cannot be an id."""
    if not _ID.fullmatch(text):
        raise InvalidOption("The id is none of a task or batch. Take the one that the upload's answer named.")
    return text


def enhance(
    photo: Upload, filename: str | None, options: Mapping[str, Value], patience: float, timeout: float
) -> Flow[EnhancedPhoto]:
    """``POST /v1/enhance``."""
    fields = parse_options(options).to_parameters()
    with opened_upload(photo, filename) as file:
        response = yield from opened(Call("POST", "v1/enhance", timeout, fields, file), patience)
    return read_photo(response, (yield from body()), None)


def submit(photo: Upload, filename: str | None, options: Mapping[str, Value], patience: float) -> Flow[str]:
    """``POST /v1/photos``: the task's id."""
    accepted = yield from _upload("v1/photos", photo, filename, options, patience)
    return read(PhotoAccepted, accepted).task_id


def submit_batch(archive: Upload, filename: str | None, options: Mapping[str, Value], patience: float) -> Flow[str]:
    """``POST /v1/batches``: the batch's id."""
    accepted = yield from _upload("v1/batches", archive, filename, options, patience)
    return read(BatchAccepted, accepted).batch_id


def _upload(
    path: str, upload: Upload, filename: str | None, options: Mapping[str, Value], patience: float
) -> Flow[bytes]:
    fields = parse_options(options).to_parameters()
    with opened_upload(upload, filename) as file:
        return (yield from answer(Call("POST", path, fields=fields, file=file), patience))


def models(patience: float) -> Flow[Catalog]:
    """``GET /v1/models``."""
    return read_catalog((yield from answer(Call("GET", "v1/models"), patience)))


def ready() -> Flow[bool]:
    """``GET /readyz``: False where the server says that it is not, and an error where it says nothing."""
    try:
        yield from answer(Call("GET", "readyz"), patience=0)
    except ServerUnreachable:
        raise
    except CapacityError:
        return False
    return True


class TaskFlows(Generic[State]):
    """Calls about one task; ``path`` is its address, below the server's, and ``result`` that of what it gives."""

    def __init__(self, path: str, result: str, model: type[State], patience: float) -> None:
        self.path, self.result, self.model, self.patience = path, f"{path}/{result}", model, patience

    def status(self) -> Flow[State]:
        return self._look(self.patience, _SILENCE_SECONDS)

    def delete(self) -> Flow[None]:
        yield from answer(Call("DELETE", self.path), self.patience)

    def wait(self, timeout: float | None) -> Flow[State]:
        """Look at the status, more and more rarely, until there is a result.

        Raises:
            LimnerError: what the task failed with; Gone; NotCompleted after ``timeout`` seconds.
        """
        started, left, outage = time.monotonic(), math.inf if timeout is None else timeout, Outage(self.result)
        while True:
            try:
                state = yield from self._look(min(self.patience, left), min(_SILENCE_SECONDS, max(1.0, left)))
            except ServerUnreachable as error:
                pause = outage.next(error)
            else:
                outage.over()
                if state.over:
                    state.require_completed()
                    return state
                pause = min(max((time.monotonic() - started) / 10, _SHORTEST_LOOK), _LONGEST_LOOK)
            if timeout is not None:
                left = timeout - (time.monotonic() - started)
                if left <= 0:
                    raise NotCompleted(f"There is no result after {timeout:g} s. Wait longer, or delete the task.")
            yield Pause(min(pause, left))

    def _look(self, patience: float, silence: float) -> Flow[State]:
        return read(self.model, (yield from answer(Call("GET", self.path, silence), patience)))


class PhotoFlows(TaskFlows[PhotoStatus]):
    """Calls about one photo."""

    def __init__(self, task_id: str, patience: float) -> None:
        super().__init__(f"v1/photos/{task_id}", "image", PhotoStatus, patience)

    def fetch(self) -> Flow[EnhancedPhoto]:
        """The result, with the whole report, which goes with it.

        Raises:
            NotCompleted: it is not there yet, or the task failed.
            Gone: it was fetched, deleted or has expired.
        """
        outage = Outage(self.result)
        report: dict[str, Any] | None
        while True:
            try:
                report = (yield from self.status()).report
                response = yield from opened(Call("GET", self.result), self.patience)
                return read_photo(response, (yield from body()), report)
            except ServerUnreachable as error:
                # Until the last byte has left the server, the result is still there.
                yield Pause(outage.next(error))


class BatchFlows(TaskFlows[BatchStatus]):
    """Calls about one archive; its result: :mod:`limner.client.saving`."""

    def __init__(self, batch_id: str, patience: float) -> None:
        super().__init__(f"v1/batches/{batch_id}", "archive", BatchStatus, patience)
