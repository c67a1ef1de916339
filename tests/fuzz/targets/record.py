"""A task's record as Redis gives it back, whoever wrote it there."""

from __future__ import annotations

from gateway.state.record import Record
from limner.errors import StateUnavailable


def seeds() -> list[bytes]:
    running = Record("photo", "pending", "gateway", "", "00ff", 1.5, queue_position=2, estimate=0.25)
    failed = Record("batch", "failed", "g", "key", "", 1.0, 2.0, 3.0, 4.0, error_type="gone", error_message="Gone. 照")
    return [record.to_json().encode() for record in (running, failed)] + [b'{"kind":"photo","newer":1}', b"[]"]


def check(data: bytes) -> None:
    try:
        record = Record.from_json(data)
    except StateUnavailable:
        return
    text = record.to_json()
    assert Record.from_json(text).to_json() == text
    assert Record.from_json(text.encode()).to_json() == text
