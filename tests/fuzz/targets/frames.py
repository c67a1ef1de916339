"""What the gateway believes of the process that unpacks, which may be in a stranger's hands: ``<head>NUL<bytes>``."""

from __future__ import annotations

from contextlib import suppress

from gateway.archives.entries import Entry, Photo, Refused, Skipped
from gateway.archives.frames import (
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    SIZES,
    Head,
    Violation,
    entry_of,
    error_of,
    framed,
    head_of,
    parsed,
)
from limner.errors import DamagedImage, InputError


def seeds() -> list[bytes]:
    entries: list[Entry] = [
        Photo("相/a.jpg", bytearray(b"x")),
        Refused("b", DamagedImage("It is damaged.")),
        Skipped("c", "No."),
    ]
    heads = [framed(head_of(entry))[SIZES.size :] for entry in entries]
    return [*(head + b"\0" for head in heads), heads[0] + b"\0x", b'{"total":3}\0', b'{"error":"no-photos"}\0']


def check(data: bytes) -> None:
    encoded, _, content = data.partition(b"\0")
    try:
        head = parsed(encoded)
    except Violation:
        return
    _check_error(head)
    with suppress(Violation):
        entry = entry_of(head, bytearray(content))
        assert len(entry.name) <= MAX_NAME_CHARACTERS
        assert entry_of(parsed(framed(head_of(entry))[SIZES.size :]), bytearray(content)).name == entry.name


def _check_error(head: Head) -> None:
    with suppress(Violation):
        error = error_of(head)
        assert isinstance(error, InputError)
        assert error.status < 500
        assert len(error.message) <= MAX_TEXT_CHARACTERS
