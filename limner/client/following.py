"""The events of a task, followed over broken connections to the last."""

from __future__ import annotations

from collections import deque
from typing import Generic

from limner.client.answers import require_type
from limner.client.events import Event, EventDecoder, State, typed_event
from limner.client.exchange import opened, piece
from limner.client.flows import TaskFlows
from limner.client.outages import Outage
from limner.client.steps import Call, Flow, Pause
from limner.errors import ServerUnreachable

SILENCE_SECONDS = 60.0
"""A connection without a byte for this long is taken for dead; the server sends a comment every 15 s."""


class Following(Generic[State]):
    """Gives one event after the other, up to ``done``. A stream that ends before is asked for again."""

    def __init__(self, task: TaskFlows[State]) -> None:
        self._model, self._patience = task.model, task.patience
        self._call = Call("GET", f"{task.path}/events", SILENCE_SECONDS)
        self._decoder: EventDecoder | None = None
        self._ready: deque[Event[State]] = deque()
        self._outage = Outage(task.result)
        self._done = False

    def next(self) -> Flow[Event[State] | None]:
        """The next event, or None after ``done``.

        Raises:
            LimnerError: NotFound where the task is forgotten, ServerUnreachable where the server stays away.
        """
        while not self._done:
            if self._ready:
                event = self._ready.popleft()
                self._done = event.name == "done"
                return event
            yield from self._receive()
        return None

    def _receive(self) -> Flow[None]:
        try:
            if self._decoder is None:
                require_type((yield from opened(self._call, self._patience)), "text/event-stream")
                self._decoder = EventDecoder()
            chunk = yield from piece()
            if chunk is None:
                raise ServerUnreachable("The server ends the stream of events before the task is done.")
        except ServerUnreachable as error:
            self._decoder = None
            yield Pause(self._outage.next(error))
            return
        for name, data in self._decoder.feed(chunk):
            event = typed_event(name, data, self._model)
            if event is not None:
                self._outage.over()
                self._ready.append(event)
