"""What entries of ZIPs are called, and what is no file at all."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib

import pytest

from gateway.archives.entries import Photo, Skipped
from tests.gateway.archives.conftest import Summed, Unpack, Walk
from tests.gateway.archives.making import photo, zip_of, zip_with_raw_names


def test_names(walk: Walk, unpack: Unpack) -> None:
    gb, other = "照片/王芳.jpg".encode("gb18030"), "旧.jpg".encode("gb18030")
    unicode_path = struct.pack("<BI", 1, zlib.crc32(other)) + "新.jpg".encode()
    stale_path = struct.pack("<BI", 1, 12345) + "假.jpg".encode()
    archive = zip_with_raw_names(
        [
            (gb, b"", photo()),
            ("照片/王芳.jpg".encode(), b"", photo()),
            (other, b"\x55\x54\x05\0\x03AAAA" + struct.pack("<HH", 0x7075, len(unicode_path)) + unicode_path, photo()),
            (other, struct.pack("<HH", 0x7075, len(stale_path)) + stale_path, photo()),
        ]
    )
    entries = walk(archive)
    assert [entry.name for entry in entries] == ["照片/王芳.jpg", "照片/王芳.jpg", "新.jpg", "旧.jpg"]


async def test_names_are_unique_and_stay_inside(unpack: Unpack, summed: Summed) -> None:
    names = [
        "a.jpg",
        "A.JPG",
        "x\\b.jpg",
        "..\\..\\x.jpg",
        "C:\\x.jpg",
        "/etc/y.jpg",
        "a/../z.jpg",
        "...",
        "../evil.txt",
    ]
    archive = zip_with_raw_names((name.encode(), b"", photo(n)) for n, name in enumerate(names))
    assert summed(await unpack(archive)) == [
        ("a.jpg", "photo"),
        ("A (2).JPG", "photo"),
        ("x/b.jpg", "photo"),
        ("x.jpg", "unsafe-archive"),
        ("C_/x.jpg", "unsafe-archive"),
        ("etc/y.jpg", "unsafe-archive"),
        ("a/z.jpg", "unsafe-archive"),
        ("unnamed", "photo"),
        ("evil.txt", "skipped"),
    ]


def test_too_many_folders(walk: Walk, summed: Summed) -> None:
    archive = zip_of([("d/" * 17 + "a.jpg", photo()), ("d/" * 16 + "a.jpg", photo())])
    assert [kind for _, kind in summed(walk(archive))] == ["unsafe-archive", "photo"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_passed_over(kind: int, walk: Walk) -> None:
    info = zipfile.ZipInfo("link.jpg")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    entries = walk(zip_of([(info, b"/etc/passwd"), ("a.jpg", photo())]))
    assert [type(entry) for entry in entries] == [Skipped, Photo]
