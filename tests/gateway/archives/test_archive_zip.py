"""ZIPs of every kind. Each ends in entries or in a clear error."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest

from gateway.archives.entries import Photo, Skipped
from gateway.archives.limits import Limits
from limner.errors import (
    ArchiveTooLarge,
    DamagedArchive,
    EmptyImage,
    EncryptedArchive,
    InputError,
    NoPhotos,
    UnsafeArchive,
    UnsupportedFormat,
)
from tests.gateway.archives.conftest import Summed, Unpack, Walk
from tests.gateway.archives.making import overlapping_zip, photo, zip_of, zip_with_raw_names


async def test_photos_come_in_order_and_whole(unpack: Unpack, summed: Summed) -> None:
    archive = zip_of(
        [("b/照片.jpg", photo(1)), ("b/", b""), ("a.png", b"\x89PNG\r\n\x1a\n0"), ("no-extension", photo(2))]
    )
    entries = await unpack(archive)
    assert summed(entries) == [("b/照片.jpg", "photo"), ("a.png", "photo"), ("no-extension", "photo")]
    assert isinstance(entries[0], Photo)
    assert entries[0].data == photo(1)


async def test_what_is_no_photo_is_passed_over_with_a_reason(unpack: Unpack) -> None:
    names = ["readme.txt", "__MACOSX/._a.jpg", "._b.jpg", "Thumbs.db", ".DS_Store", "more.zip", "noext", "x/y.RAR"]
    entries = await unpack(zip_of([*((name, b"words") for name in names), ("a.jpg", photo())]))
    assert [type(entry) for entry in entries] == [*[Skipped] * len(names), Photo]
    assert "macOS" in entries[1].reason  # type: ignore[union-attr]
    assert "inside the archive" in entries[5].reason  # type: ignore[union-attr]


def test_photos_that_cannot_be_used_fail_alone(walk: Walk, summed: Summed) -> None:
    archive = zip_of(
        [
            ("text.jpg", b"hello"),
            ("empty.jpg", b""),
            ("nested.jpg", bytes(zip_of([("a.jpg", photo())]))),
            ("new.heic", b"\0\0\0\x18ftypheic"),
            ("large.jpg", photo(3, 30_001)),
            ("good.jpg", photo()),
        ]
    )
    assert summed(walk(archive, Limits(max_entry_bytes=30_000))) == [
        ("text.jpg", "unsupported-format"),
        ("empty.jpg", "empty-image"),
        ("nested.jpg", "unsupported-format"),
        ("new.heic", "unsupported-format"),
        ("large.jpg", "file-too-large"),
        ("good.jpg", "photo"),
    ]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
async def test_methods_that_are_read(method: int, unpack: Unpack) -> None:
    (entry,) = await unpack(zip_of([("a.jpg", photo())], method))
    assert isinstance(entry, Photo)
    assert entry.data == photo()


@pytest.mark.parametrize("method", [1, 6, 9, 93, 95, 98, 99], ids=str)
def test_methods_that_are_not_read_fail_alone(method: int, walk: Walk, summed: Summed) -> None:
    archive = zip_of([("a.jpg", photo()), ("b.jpg", photo())])
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", archive, archive.find(signature) + offset, method)
    assert summed(walk(archive)) == [("a.jpg", "unsupported-format"), ("b.jpg", "photo")]


def test_damaged_data_fails_alone(walk: Walk, summed: Summed) -> None:
    archive = zip_of([("a.jpg", photo()), ("b.jpg", photo(2)), ("c.jpg", photo(3))], zipfile.ZIP_STORED)
    archive[archive.find(photo(2)) + 100] ^= 1
    assert summed(walk(archive)) == [("a.jpg", "photo"), ("b.jpg", "damaged-archive"), ("c.jpg", "photo")]


@pytest.mark.parametrize("quoted", [True, False])
async def test_an_overlapping_bomb_is_refused_as_a_whole(quoted: bool, unpack: Unpack) -> None:
    archive = overlapping_zip(quoted=quoted)
    with zipfile.ZipFile(io.BytesIO(archive)) as listed:
        assert sum(info.file_size for info in listed.infolist()) > 4_900_000_000
        with listed.open(listed.infolist()[0]) as first:
            assert first.read(4) == (b"PK\x03\x04" if quoted else bytes(4))
    assert len(archive) < 60_000
    with pytest.raises(UnsafeArchive, match="overlap"):
        await unpack(archive, Limits(max_entry_bytes=30_000_000, max_total_bytes=10_000_000_000, max_ratio=1 << 20))


def test_a_bomb_of_one_entry_is_refused_by_its_ratio(walk: Walk, summed: Summed) -> None:
    archive = zip_of([("a.jpg", photo() + bytes(15_000_000)), ("b.jpg", photo())])
    assert summed(walk(archive)) == [("a.jpg", "unsafe-archive"), ("b.jpg", "photo")]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str)
async def test_decoders_without_a_bound_stay_within_the_memory_limit(
    method: int, unpack: Unpack, summed: Summed
) -> None:
    """The library has no bound for what bzip2 and LZMA put out at a time; some hundred bytes here make 120 MB."""
    archive = zip_of([("a.jpg", bytes(120_000_000)), ("b.jpg", photo())], method)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", archive, archive.find(signature) + offset, 500_000)  # the lie
    assert len(archive) < 60_000
    entries = summed(await unpack(archive, Limits(memory_bytes=60_000_000)))
    assert entries[0] in {("a.jpg", "file-too-large"), ("a.jpg", "damaged-archive")}
    assert entries[1] == ("b.jpg", "photo")


def test_more_than_the_total_is_refused_at_once(walk: Walk) -> None:
    error = walk(zip_of([(f"{n}.jpg", photo(n)) for n in range(6)]), Limits(max_total_bytes=10_000))
    assert isinstance(error, ArchiveTooLarge)


@pytest.mark.parametrize("claimed", [0xFFFFFFFE, 1, 0])
def test_sizes_that_lie_fail_alone(claimed: int, walk: Walk, summed: Summed) -> None:
    archive = zip_of([("a.jpg", photo()), ("b.jpg", photo())])
    struct.pack_into("<I", archive, archive.find(b"PK\x01\x02") + 24, claimed)
    first, second = summed(walk(archive))
    assert first[1] in {"file-too-large", "damaged-archive", "empty-image", "unsupported-format"}
    assert second == ("b.jpg", "photo")


def test_a_packed_size_that_runs_into_the_next_entry_overlaps(walk: Walk) -> None:
    archive = zip_of([("a.jpg", photo()), ("b.jpg", photo())])
    struct.pack_into("<I", archive, archive.find(b"PK\x01\x02") + 20, 2500)
    assert isinstance(walk(archive), UnsafeArchive)
    struct.pack_into("<I", archive, archive.find(b"PK\x01\x02") + 20, 100_000)
    assert isinstance(walk(archive), UnsafeArchive)


async def test_65_thousand_entries(unpack: Unpack) -> None:
    archive = zip_with_raw_names((b"%d.jpg" % n, b"", b"") for n in range(65_000))
    with pytest.raises(ArchiveTooLarge, match="65000 files; up to 1000"):
        await unpack(archive)


def test_more_entries_than_any_zip_lists_are_not_even_listed(walk: Walk) -> None:
    archive = zip_of([("a.jpg", b"PK\x01\x02" * 70_000)], zipfile.ZIP_STORED)
    assert isinstance(walk(archive), ArchiveTooLarge)


def test_folders_do_not_count(walk: Walk, summed: Summed) -> None:
    archive = zip_of([*((f"folder{n}/", b"") for n in range(50)), ("win\\", b""), ("a.jpg", photo())])
    assert summed(walk(archive, Limits(max_entries=1))) == [("a.jpg", "photo")]


def test_zip64_and_streamed_zips_are_read(walk: Walk, summed: Summed) -> None:
    class Stream(io.RawIOBase):
        """Cannot seek, so that sizes follow the data in a descriptor."""

        written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.written += bytes(data)
            return len(bytes(data))

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a.jpg", "b.jpg"):
            with packed.open(name, "w", force_zip64=True) as entry:
                entry.write(photo())
    assert b"PK\x07\x08" in stream.written
    assert summed(walk(stream.written)) == [("a.jpg", "photo"), ("b.jpg", "photo")]


def test_encrypted(walk: Walk, summed: Summed) -> None:
    archive = zip_of([("a.jpg", photo()), ("b.jpg", photo())])
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.find(signature) + offset] |= 1
    assert summed(walk(archive)) == [("a.jpg", "encrypted-archive"), ("b.jpg", "photo")]
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.rfind(signature) + offset] |= 1
    assert isinstance(walk(archive), EncryptedArchive)


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        (b"", EmptyImage),
        (b"hello", UnsupportedFormat),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), UnsupportedFormat),
        (b"MZ" + bytes(100), UnsupportedFormat),
        (b"PK\x07\x08PK\x03\x04" + bytes(100), UnsupportedFormat),
        (bytes(50) + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 3, 0, 1, 1, 50, 0, 0), UnsupportedFormat),
        (b"PK\x03\x04" + bytes(100), DamagedArchive),
        (b"PK\x05\x06", DamagedArchive),
        (zip_of([]), NoPhotos),
        (zip_of([("a.txt", b"words"), ("b/", b"")]), NoPhotos),
    ],
)
async def test_what_is_refused_as_a_whole(archive: bytes, error: type[InputError], unpack: Unpack) -> None:
    with pytest.raises(InputError) as caught:
        await unpack(archive)
    assert type(caught.value) is error


@pytest.mark.parametrize("before", [b"", b"MZ" + bytes(5000), b"\x7fELF" + bytes(5000)])
@pytest.mark.parametrize("after", [b"", b"garbage" * 1000])
def test_self_extracting_and_trailing_garbage(before: bytes, after: bytes, walk: Walk, summed: Summed) -> None:
    archive = before + bytes(zip_of([("a.jpg", photo())])) + after
    assert summed(walk(archive)) == [("a.jpg", "photo")]


def test_nested_bombs_and_quines_are_not_opened(walk: Walk) -> None:
    inner = zip_of([("a.jpg", photo())])
    for _ in range(20):
        inner = zip_of([("inner.zip", bytes(inner)), ("b", bytes(inner))])
    entries = walk(inner)
    assert [type(entry) for entry in entries] == [Skipped, Skipped]


def test_a_directory_that_is_not_utf8_though_it_says_so(walk: Walk) -> None:
    assert isinstance(walk(zip_with_raw_names([(b"\xff\xfe.jpg", b"", photo())], flags=0x800)), DamagedArchive)
