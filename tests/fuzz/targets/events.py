"""Server-sent events from a server that may be none of ours: ``<size of pieces><stream>``."""

from __future__ import annotations

from limner.client.answers import BatchStatus, PhotoStatus
from limner.client.events import EventDecoder, typed_event
from limner.errors import LimnerError

STATUS = b'{"task_id":"a","batch_id":"b","status":"%s","progress":0.5,"report":{"\xe7\x85\xa7":[1,null]}}'


def seeds() -> list[bytes]:
    streams = [
        b'event: queue\ndata: {"queue_position": 3}\n\n: comment\n\nevent: progress\ndata: %s\n\n'
        % (STATUS % b"pending"),
        b"event: done\r\ndata: %s\r\n\r\n" % (STATUS % b"completed"),
        b"id: 1\rretry: 5\revent: new\rdata: a\rdata: b\r\r",
    ]
    return [bytes([size]) + stream for stream in streams for size in (0, 7, 255)]


def check(data: bytes) -> None:
    stream, step = data[1:], 1 + (data[0] if data else 0)
    whole = _decoded([stream])
    assert whole == _decoded([stream[start : start + step] for start in range(0, len(stream), step)])
    for name, content in whole:
        for model in (PhotoStatus, BatchStatus):
            try:
                event = typed_event(name, content, model)
                if event is not None and event.status is not None:
                    assert 0 <= event.status.progress <= 1
                    event.status.require_completed()
            except LimnerError:
                continue


def _decoded(pieces: list[bytes]) -> list[tuple[str, bytes]]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]
