"""Server-sent events (WHATWG HTML, 9.2): from bytes in pieces of any size to typed events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from limner.client.answers import Progress, QueuePlace, foreign, read

State = TypeVar("State", bound=Progress)

MAX_EVENT_BYTES = 32_000_000
"""Of one event; a report of 512 faces has about 1 MB."""

_LINE_BYTES = 64
"""What a line costs beside its bytes, roughly."""

_LINE_END = re.compile(rb"\r\n|\n|\r")  # and no other: JSON may hold U+2028 as it is


@dataclass(frozen=True)
class Event(Generic[State]):
    """``queue`` has the place in the queue (1 is next), ``progress`` and ``done`` have the status."""

    name: Literal["queue", "progress", "done"]
    status: State | None = None
    queue_position: int | None = None


class EventDecoder:
    """Takes the bytes of a stream as they come, and gives names and data of the events that are complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_return = False
        self._name, self._size = "", 0
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that end within ``chunk``. Comments, ids and unknown fields are passed over.

        Raises:
            LimnerError: an event does not end.
        """
        if self._after_return and chunk:
            # The line feed of a pair that was cut in two.
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        self._rest += chunk
        if len(self._rest) + self._size > MAX_EVENT_BYTES:
            raise foreign()
        if b"\n" not in chunk and b"\r" not in chunk:
            return
        self._after_return = self._rest.endswith(b"\r")
        *lines, rest = _LINE_END.split(bytes(self._rest))
        self._rest = bytearray(rest)
        for line in lines:
            if line:
                self._field(line)
            else:
                name, data = self._name, self._data
                self._name, self._size, self._data = "", 0, []
                if data:
                    yield name, b"\n".join(data)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + _LINE_BYTES
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")


def typed_event(name: str, data: bytes, model: type[State]) -> Event[State] | None:
    """The event, or None where this client does not know the name; a server may be newer.

    Raises:
        LimnerError: the data are not what the name promises.
    """
    if name == "queue":
        return Event("queue", queue_position=read(QueuePlace, data).queue_position)
    if name in {"progress", "done"}:
        return Event("done" if name == "done" else "progress", status=read(model, data))
    return None
