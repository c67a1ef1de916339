"""The audit log: what was taken in, worked on, handed out and wiped; nothing of who was in a photo.

JSON lines with ECS field names (https://www.elastic.co/docs/reference/ecs) where there are any, ours under ``limner.``:

    event.action        upload, processing, delivery or cleanup
    event.outcome       success or failure; of a failure, error.type is the problem's
    event.duration      nanoseconds
    event.reason        why it was wiped: delivered, deleted, expired, failed or shutdown
    limner.task         name of the task: the hash of its id, because whoever has the id may fetch the result
    limner.kind         photo, batch, or synchronous for a photo that is answered at once
    limner.client       keyed hash of the client; the key is forgotten at the end of the day
    limner.input.bytes, limner.input.type, limner.output.bytes

No names of files or people, no addresses, no user agents, no pictures.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import Literal

from gateway.logs import FIELDS, JsonFormatter
from limner.errors import Cancelled, LimnerError, SettingsError
from limner.settings import Settings

DATASET = "limner.audit"

Kind = Literal["photo", "batch", "synchronous"]
InputType = Literal["jpeg", "png", "webp", "zip", "rar"]
Reason = Literal["delivered", "deleted", "expired", "failed", "shutdown"]

log = logging.getLogger("limner.gateway")


class Audit:
    """Writes events. None of its methods raises, or waits for anything but the local disk."""

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.time) -> None:
        self._logger = logger
        self._clients = _Pseudonyms(now)

    @staticmethod
    def from_settings(settings: Settings) -> Audit:
        """To the file that ``settings`` name, else among the other lines of the log.

        Raises:
            SettingsError: the file cannot be written to.
        """
        if settings.audit_log is None:
            return Audit(logging.getLogger(DATASET))
        # Not of the logging module's tree: what it writes goes into the file and nowhere else.
        logger = logging.Logger(DATASET, logging.INFO)
        try:
            logger.addHandler(_DailyFile(settings.audit_log, settings.audit_retention_days))
        except OSError as error:
            raise SettingsError(
                f"LIMNER_AUDIT_LOG cannot be opened: {error.strerror}. "
                "Name a file in a folder that exists and that the gateway may write to."
            ) from None
        return Audit(logger)

    def close(self) -> None:
        """Close the file."""
        for handler in self._logger.handlers:
            if isinstance(handler, _DailyFile):
                with suppress(OSError):  # what a full disk would not take
                    handler.close()

    def upload(
        self,
        *,
        kind: Kind,
        client: str,
        task: str | None = None,
        input_bytes: int | None = None,
        input_type: InputType | None = None,
    ) -> None:
        """An upload was taken."""
        self._write(
            "upload",
            None,
            {
                **_task(task, kind),
                "limner.client": self._clients.of(client),
                "limner.input.bytes": input_bytes,
                "limner.input.type": input_type,
            },
        )

    @contextmanager
    def processing(self, *, kind: Kind, task: str | None = None) -> Iterator[None]:
        """The block is the work on a photo: it is timed, and fails with what it raises."""
        started, error = time.perf_counter(), None
        try:
            yield
        except (Exception, asyncio.CancelledError) as raised:
            error = _type_of(raised)
            raise
        finally:
            duration = round((time.perf_counter() - started) * 1e9)
            self._write("processing", error, {**_task(task, kind), "event.duration": duration})

    def delivery(
        self,
        *,
        kind: Kind,
        client: str,
        output_bytes: int,
        task: str | None = None,
        error: str | None = None,
    ) -> None:
        """A result went out, or did not for ``error``, a problem's type; ``output_bytes`` is its size."""
        self._write(
            "delivery",
            error,
            {
                **_task(task, kind),
                "limner.client": self._clients.of(client),
                "limner.output.bytes": output_bytes,
            },
        )

    def cleanup(self, *, task: str, reason: Reason) -> None:
        """All that was kept of a task was wiped."""
        self._write("cleanup", None, {"limner.task": task, "event.reason": reason})

    def _write(self, action: str, error: str | None, fields: dict[str, object]) -> None:
        outcome = "success" if error is None else "failure"
        known = {
            "event.dataset": DATASET,
            "event.action": action,
            "event.outcome": outcome,
            "error.type": error,
            **fields,
        }
        told = {name: value for name, value in known.items() if value is not None}
        self._logger.info("%s: %s", action, outcome, extra={FIELDS: told})


class _Pseudonyms:
    """Names of clients as HMAC-SHA256 under a random key that only this process has, for one UTC day."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._day = -1
        self._key = b""

    def of(self, client: str) -> str:
        """16 hex digits, the same for the same client on the same day."""
        day = int(self._now() // 86_400)
        if day != self._day:
            self._day, self._key = day, secrets.token_bytes(32)
        return hmac.new(self._key, client.encode(), hashlib.sha256).hexdigest()[:16]


class _DailyFile(TimedRotatingFileHandler):
    """A file that only its owner may read, put aside at midnight (UTC); a full disk costs lines, not requests."""

    def __init__(self, path: Path, days: int) -> None:
        self._failed = self._told = False
        super().__init__(path, when="MIDNIGHT", backupCount=days, utc=True)
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        if self._failed and not self._told:
            log.error("the audit log cannot be written; its lines are lost until it can")
        self._told = self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's name
        self._failed = True

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")


def _task(task: str | None, kind: Kind) -> dict[str, object]:
    return {"limner.task": task, "limner.kind": kind}


def _type_of(raised: BaseException) -> str:
    if isinstance(raised, asyncio.CancelledError):
        return Cancelled.type
    return raised.type if isinstance(raised, LimnerError) else LimnerError.type
