"""A ZIP, read to its end."""

from __future__ import annotations

from contextlib import suppress

from gateway.archives.formats import format_of
from limner.errors import InputError
from tests.fuzz.targets.archive import check_archive
from tests.gateway.archives.making import overlapping_zip, photo, zip_of, zip_with_raw_names


def seeds() -> list[bytes]:
    files = [("a.jpg", photo(1, 60)), ("相/b.png", photo(2, 40)), ("../c.jpg", b"x"), ("d.zip", b"y"), ("e/", b"")]
    archives = [zip_of(files, method) for method in (0, 8, 12, 14)]
    raw = zip_with_raw_names([("照.jpg".encode("gb18030"), b"up\x09\0\x01\0\0\0\0abcd", photo(3, 50))])
    return [bytes(archive) for archive in (*archives, raw, overlapping_zip(3, 1 << 20), zip_of([]))]


def check(data: bytes) -> None:
    with suppress(InputError):
        format_of(data)
    check_archive(data, "zip")
