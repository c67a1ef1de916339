"""A result that goes to a file while it comes in: there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from functools import partial
from pathlib import Path

from limner.client.answers import require_type
from limner.client.exchange import opened, piece
from limner.client.flows import BatchFlows
from limner.client.outages import Outage
from limner.client.steps import Call, Do, Flow, Pause
from limner.errors import ServerUnreachable


def save(batch: BatchFlows, target: Path) -> Flow[None]:
    """Fetch the ZIP of ``batch`` into ``target``, which is replaced when the last byte is on disk.

    The file is made before the server is asked: a folder that cannot be written to does not cost the result.

    Raises:
        NotCompleted: it is not there yet, or the batch failed.
        Gone: it was fetched, deleted or has expired.
        OSError: as the file system says; the disk may be full.
    """
    file, outage = _PassingFile(target), Outage(batch.result)
    try:
        while True:
            try:
                yield from _fill(file, batch)
                break
            except ServerUnreachable as error:
                yield Pause(outage.next(error))
                file.empty()
        yield Do(file.keep)
    finally:
        file.close()


def _fill(file: _PassingFile, batch: BatchFlows) -> Flow[None]:
    require_type((yield from opened(Call("GET", batch.result), batch.patience)), "application/zip")
    while (chunk := (yield from piece())) is not None:
        yield Do(partial(file.write, chunk))


class _PassingFile:
    """Lies beside ``target`` under a passing name until it is kept."""

    def __init__(self, target: Path) -> None:
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder; name a file.")
        self._target = target
        self._part = target.with_name(f".limner-{secrets.token_hex(8)}.part")
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def empty(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def keep(self) -> None:
        """Give it its name, once it is on disk: the server has no second one."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.replace(self._target)

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)
