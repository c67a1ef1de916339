"""Log lines as JSON with ECS field names: one object a line."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TextIO

from gateway.trace import TRACE

FIELDS = "fields"
"""Attribute of a log record that holds more fields: ``log.info(…, extra={FIELDS: {…}})``."""


REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being answered; every line logged meanwhile names it."""


class JsonFormatter(logging.Formatter):
    """Renders a record; an exception is told by its type alone, because its message may quote a request."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "@timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if request_id := REQUEST_ID.get():
            line["http.request.id"] = request_id
        if trace := TRACE.get():
            line["trace.id"] = trace.trace_id
            line["span.id"] = trace.span_id
        if record.exc_info and record.exc_info[0] is not None:
            line["error.type"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(stream: TextIO | None = None) -> None:
    """Send the log of this process to ``stream`` (standard error when None) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for talkative in ("httpx", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
