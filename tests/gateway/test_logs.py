"""Log lines name the request and the trace that they belong to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.logs import FIELDS, REQUEST_ID, configure_logging
from gateway.trace import TRACE, Trace


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the process logs meanwhile."""
    root, talkative = logging.getLogger(), [logging.getLogger(name) for name in ("httpx", "uvicorn")]
    before = root.handlers[:], root.level, [logger.level for logger in talkative]
    root.handlers = []  # so that they are not closed
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    root.handlers, root.level, levels = before
    for logger, level in zip(talkative, levels, strict=True):
        logger.setLevel(level)


def test_line_with_request_and_trace(stream: io.StringIO) -> None:
    log = logging.getLogger("limner.test")
    log.info("first")
    request, trace = REQUEST_ID.set("r1"), TRACE.set(Trace("a" * 32, "b" * 16, 1, "secret=1"))
    log.info("second %s", "照片", extra={FIELDS: {"event.action": "x"}})
    REQUEST_ID.reset(request)
    TRACE.reset(trace)
    log.info("third")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    for line in (first, third):
        assert set(line) == {"@timestamp", "log.level", "log.logger", "message"}
    assert second.pop("@timestamp").endswith("+00:00")
    assert second == {
        "log.level": "info",
        "log.logger": "limner.test",
        "message": "second 照片",
        "event.action": "x",
        "http.request.id": "r1",
        "trace.id": "a" * 32,
        "span.id": "b" * 16,
    }
