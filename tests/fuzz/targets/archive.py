"""What the targets for ZIP and RAR have in common: everything that the unpacking process does, in this one."""

from __future__ import annotations

from dataclasses import replace

from gateway.archives.entries import Photo, Skipped
from gateway.archives.formats import ArchiveFormat
from gateway.archives.frames import SIZES, entry_of, error_of, framed, parsed
from gateway.archives.limits import Limits
from gateway.archives.names import MAX_PART_BYTES, UniqueNames
from gateway.archives.worker import told

LIMITS = replace(Limits(), max_entries=40, max_entry_bytes=100_000, max_total_bytes=400_000)


def check_archive(data: bytes, archive_format: ArchiveFormat) -> None:
    """Every answer passes the protocol, no limit is passed, and names are harmless and different."""
    answers = told(data, archive_format, LIMITS)
    head, _ = next(answers)
    if "error" in head:
        error_of(head)
        return
    total, unpacked, count = head["total"], 0, 0
    assert isinstance(total, int)
    assert 0 < total <= LIMITS.max_entries
    names, taken = UniqueNames(), set()
    for head, content in answers:
        head = parsed(framed(head, len(content))[SIZES.size :])  # noqa: PLW2901
        if "error" in head and "refused" not in head:
            error_of(head)  # not any further
            return
        entry = entry_of(head, bytearray(content))
        count += 1
        if isinstance(entry, Photo):
            assert 0 < len(entry.data) <= LIMITS.max_entry_bytes
            unpacked += len(entry.data)
        elif isinstance(entry, Skipped):
            assert entry.reason
        taken.add(_harmless(names.take(entry.name)).casefold())
    assert count == total == len(taken)
    assert unpacked <= LIMITS.max_total_bytes


def _harmless(name: str) -> str:
    parts = name.split("/")
    assert all(part.strip(" .") for part in parts), name
    assert not set(name) & set('\\:*?"<>|\0'), name
    assert name.isprintable() or "\u00a0" in name or "\u3000" in name or any(char.isspace() for char in name), name
    assert max(len(part.encode()) for part in parts) <= MAX_PART_BYTES + 16
    return name
