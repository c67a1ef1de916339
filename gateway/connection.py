"""One client's connection: uvicorn's, with an end to whoever neither asks nor listens.

uvicorn waits for ever for a request to begin or to go on, and for ever for a client to read. Uploads have limits of
their own: :mod:`gateway.upload`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from h11._connection import DEFAULT_MAX_INCOMPLETE_EVENT_SIZE
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 20.0
"""For the head of a request, from its first byte; on a new connection, from its beginning."""

STALL_SECONDS: Final = 60.0
"""In which a client has to take something of what it is being sent."""

MAX_CONNECTIONS: Final = 800
"""More are told to come back later."""

MOST_CONNECTIONS: Final = 900
"""More are closed at once, unheard."""

CROWDED: Final = "crowded"
"""Set in the state of a request that came over one connection too many."""


class Requests(h11.Connection):
    """Takes no head that is too long, although it came at once, and no request whose end others could see elsewhere.

    Of the latter (RFC 9112, 6.1), the body to one would be the next request to another: to a proxy, or to us.
    """

    def __init__(self, most: int) -> None:
        super().__init__(h11.SERVER, most)
        self._most = most

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version == b"1.0"):
                raise h11.RemoteProtocolError("both a length and chunks, or chunks in HTTP/1.0")
            if len(event.target) + sum(len(name) + len(value) for name, value in event.headers) > self._most:
                raise h11.RemoteProtocolError("the head is too long")
        return event


class Connection(H11Protocol):
    """HTTP/1.1, with times that bound every wait for the client."""

    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, *arguments: Any, **named: Any) -> None:
        super().__init__(config, *arguments, **named)
        self.conn = Requests(config.h11_max_incomplete_event_size or DEFAULT_MAX_INCOMPLETE_EVENT_SIZE)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(HIGH_WATER_LIMIT)  # over TLS, asyncio's own is eight times that
        if len(self.connections) > MAX_CONNECTIONS:
            self.app_state = {**self.app_state, CROWDED: True}
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Where an answer has begun, none is left to give: uvicorn would try, and log an error as if it were ours."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
            if self.cycle is not None:  # for which this is the end: it may be about to answer, too
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered in this one; uvicorn would tell the operator to install it."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self.transport.is_closing():
            self._expect_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # A timer keeps what came last, a part of a photo perhaps. After a reset, uvicorn lets its own run on.
        for timer in (self._head_timer, self._stall_timer, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()

    def _watch(self) -> None:
        """Have a timer run while a head is awaited, and while a connection that is closed has yet to send its last.

        What a client still sends of a request that was answered already counts as a head that does not end.
        """
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.timeout_keep_alive_task is not None or self.transport.is_closing():
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        if self.transport.is_closing():
            self._expect_reading()

    def _expect_reading(self) -> None:
        """Nothing is written meanwhile, so the buffer gets smaller with what the client takes."""
        if self._stall_timer is None:
            size = self.transport.get_write_buffer_size()
            self._stall_timer = self.loop.call_later(STALL_SECONDS, self._check_reading, size)

    def _check_reading(self, before: int) -> None:
        self._stall_timer = None
        if self.transport.get_write_buffer_size() < before:
            self._expect_reading()
        else:
            self.transport.abort()
