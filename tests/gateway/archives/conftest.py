"""Two ways to read an archive: through its process, and, for cases by the hundred, in this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.archives.entries import Entry, Photo, Refused, Skipped
from gateway.archives.formats import format_of
from gateway.archives.frames import SIZES, entry_of, error_of, framed, parsed
from gateway.archives.limits import Limits
from gateway.archives.names import UniqueNames
from gateway.archives.unpack import opened
from gateway.archives.worker import told
from limner.errors import InputError, LimnerError

Unpack = Callable[..., Awaitable[list[Entry]]]
Walk = Callable[..., Any]
Summed = Callable[[list[Entry]], list[tuple[str, str]]]


@pytest.fixture
def unpack() -> Unpack:
    """All entries, read by the real process."""

    async def call(archive: bytes | bytearray, limits: Limits = Limits()) -> list[Entry]:  # noqa: B008 - frozen
        async with opened(bytearray(archive), limits) as unpacker:
            entries = [entry async for entry in unpacker]
            assert len(entries) == unpacker.total
        return entries

    return call


@pytest.fixture
def walk() -> Walk:
    """All entries, or the error, by the code of the process but in this one; every answer passes the protocol."""

    def call(archive: bytes | bytearray, limits: Limits = Limits()) -> list[Entry] | LimnerError:  # noqa: B008 - frozen
        names, entries = UniqueNames(), []
        try:
            answers = told(bytes(archive), format_of(archive), limits)
        except InputError as error:
            return error
        head, _ = next(answers)
        if "error" in head:
            return error_of(head)
        for head, data in answers:
            head = parsed(framed(head, len(data))[SIZES.size :])  # noqa: PLW2901
            if "error" in head and "refused" not in head:
                return error_of(head)
            entry = entry_of(head, bytearray(data))
            names.take(entry.name)
            entries.append(entry)
        return entries

    return call


@pytest.fixture
def summed() -> Summed:
    """Name and what became of it: ``photo``, ``skipped`` or the type of the error."""

    def call(entries: list[Entry]) -> list[tuple[str, str]]:
        return [(entry.name, _outcome(entry)) for entry in entries]

    return call


def _outcome(entry: Entry) -> str:
    if isinstance(entry, Refused):
        return entry.error.type
    assert isinstance(entry, (Photo, Skipped))
    return "photo" if isinstance(entry, Photo) else "skipped"
