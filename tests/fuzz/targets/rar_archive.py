"""A RAR of any version. Every other input gets checksums that fit, so that its headers are believed."""

from __future__ import annotations

from tests.fuzz.targets.archive import check_archive
from tests.gateway.archives.making import photo, rar_of, with_fresh_checksums

FILES = [("a.jpg", photo(1, 60)), ("b.jpg", photo(1, 60)), ("相/c.txt", b"words " * 9)]


def seeds() -> list[bytes]:
    plain = [rar_of(FILES, version) for version in ("rar15", "rar20", "rar29", "rar40", "rar50")]
    solid = [rar_of(FILES, version, solid=True) for version in ("rar40", "rar50", "rar70")]
    return [bytes(archive) for archive in (*plain, *solid)]


def check(data: bytes) -> None:
    if len(data) % 2 and len(data) > 16:
        data = bytes(with_fresh_checksums(bytearray(data)))
    check_archive(data, "rar")
