"""RAR 4, 5 and 7, solid or not. Each ends in entries or in a clear error."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import rars

from gateway.archives import rar_files
from gateway.archives.entries import Photo, Refused, Skipped
from gateway.archives.limits import Limits
from gateway.archives.members import Member
from limner.errors import ArchiveTooLarge, DamagedArchive, EncryptedArchive, NoPhotos, UnsupportedFormat
from tests.gateway.archives.conftest import Summed, Unpack, Walk
from tests.gateway.archives.making import JPEG, photo, rar_of, renamed_in_rar

KINDS = [
    ("rar15", {}),
    ("rar20", {}),
    ("rar29", {"solid": True}),
    ("rar40", {"store": True}),
    ("rar40", {}),
    ("rar40", {"solid": True}),
    ("rar50", {"store": True}),
    ("rar50", {}),
    ("rar50", {"solid": True}),
    ("rar70", {"solid": True}),
]


@pytest.mark.parametrize(("version", "options"), KINDS, ids=str)
async def test_every_kind_is_read(version: str, options: dict[str, bool], unpack: Unpack) -> None:
    entries = await unpack(
        rar_of([("相片/a.jpg", photo(1)), ("b.txt", b"words" * 50), ("c.jpg", photo(2))], version, **options)
    )
    assert [entry.name for entry in entries] == ["相片/a.jpg", "b.txt", "c.jpg"]
    assert [entry.data if isinstance(entry, Photo) else None for entry in entries] == [photo(1), None, photo(2)]


async def test_ppmd_is_read(unpack: Unpack) -> None:
    """RAR 3's method for text: the highest bit of the packed data tells it from Lempel-Ziv."""
    words = [b"the ", b"photo ", b"of ", b"a ", b"face "]
    text = JPEG + b"".join(random.Random(1).choices(words, k=40_000))
    archive = rar_of([("a.jpg", text)], "rar29")
    name_at = archive.find(b"a.jpg")
    assert archive[name_at + 5] & 0x80 or archive[name_at + 5 + 4] & 0x80
    (entry,) = await unpack(archive)
    assert isinstance(entry, Photo)
    assert entry.data == text


@pytest.mark.parametrize("version", ["rar40", "rar50"])
def test_a_solid_archive_is_decoded_in_few_goes(version: str, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    goes: list[int] = []
    decode = rar_files.RarReader._decode

    def counted(self: rar_files.RarReader, members: Sequence[Member]) -> list[bytes]:
        goes.append(len(members))
        return decode(self, members)

    monkeypatch.setattr(rar_files.RarReader, "_decode", counted)
    monkeypatch.setattr(rar_files, "_AT_ONCE_BYTES", 10_000)
    archive = rar_of([(f"{n}.jpg", photo(n)) for n in range(12)], version, solid=True)
    entries = walk(archive)
    assert [entry.data for entry in entries] == [photo(n) for n in range(12)]
    assert goes == [5, 5, 2]
    goes.clear()
    archive[int(len(archive) * 0.68)] ^= 0x55
    assert sum(isinstance(entry, Photo) for entry in walk(archive)) == 8
    assert goes == [5, 5, 2, 2, 1, 1]  # the sixth go fails, and so would all later ones


def test_damage_in_a_solid_archive_spares_what_comes_before(walk: Walk, summed: Summed) -> None:
    archive = rar_of([(f"{n}.jpg", photo(n)) for n in range(8)], "rar40", solid=True)
    archive[int(len(archive) * 0.68)] ^= 0x55
    outcomes = [kind for _, kind in summed(walk(archive))]
    assert outcomes == ["photo"] * 5 + ["damaged-archive"] * 3


def test_empty_entries_behind_damage_do_not_keep_it_busy_for_ever(walk: Walk) -> None:
    archive = rar_of([("0.jpg", photo() * 3), ("1.jpg", b""), ("2.jpg", b""), ("3.jpg", photo() * 3)], solid=True)
    archive[archive.find(b"0.jpg") + 500] ^= 1
    assert [type(entry) for entry in walk(archive)] == [Refused] * 4


def test_damage_fails_alone(walk: Walk, summed: Summed) -> None:
    archive = rar_of([(f"{n}.jpg", photo(n)) for n in range(3)], "rar50", store=True)
    archive[archive.find(photo(1)) + 100] ^= 1
    assert [kind for _, kind in summed(walk(archive))] == ["photo", "damaged-archive", "photo"]


@pytest.mark.parametrize("version", ["rar40", "rar50"])
@pytest.mark.parametrize(
    ("name", "cleaned", "kind"),
    [
        (b"../x.jpg", "x.jpg", Refused),
        (b"..\\x.jpg", "x.jpg", Refused),
        (b"C:\\x.jpg", "C_/x.jpg", Refused),
        (b"/aaa.jpg", "aaa.jpg", Refused),
        (b"aa\\x.jpg", "aa/x.jpg", Photo),
        (b"........", "unnamed", Photo),
        (b"a\xe2\x80\xae.jpg", "a.jpg", Photo),
    ],
)
async def test_names(version: str, name: bytes, cleaned: str, kind: type, unpack: Unpack) -> None:
    archive = renamed_in_rar(rar_of([("12345678", photo())], version, store=True), b"12345678", name)
    (entry,) = await unpack(archive)
    assert (type(entry), entry.name) == (kind, cleaned)


def test_old_names_in_gb18030(walk: Walk) -> None:
    name = "相片.jpg".encode("gb18030")
    archive = renamed_in_rar(rar_of([("12345678", photo())], "rar40", store=True), b"12345678", name)
    assert [entry.name for entry in walk(archive)] == ["相片.jpg"]


def test_links_and_folders(walk: Walk) -> None:
    builder = rars.RarBuilder(format="rar50")
    builder.add_directory("folder")
    builder.add_unix_symlink("link.jpg", b"/etc/passwd")
    builder.add_bytes(photo(), "device.jpg", mode=0o020644)
    builder.add_bytes(photo(), "a.jpg", mode=0o100644)
    entries = walk(builder.to_bytes())
    assert [(entry.name, type(entry)) for entry in entries] == [
        ("link.jpg", Skipped),
        ("device.jpg", Skipped),
        ("a.jpg", Photo),
    ]


@pytest.mark.parametrize("encrypt_headers", [False, True])
@pytest.mark.parametrize("version", ["rar40", "rar50"])
async def test_encrypted(version: str, encrypt_headers: bool, unpack: Unpack) -> None:
    archive = rar_of([("a.jpg", photo())], version, password="secret", encrypt_headers=encrypt_headers)
    with pytest.raises(EncryptedArchive, match="without a password"):
        await unpack(archive)


@pytest.mark.parametrize("version", ["rar40", "rar50"])
def test_parts_of_a_split_archive(version: str, walk: Walk, tmp_path: Path) -> None:
    builder = rars.RarBuilder(format=version, volume_size=20_000, store=True)
    builder.add_bytes(photo(0, 50_000), "a.jpg")
    for part in builder.write_volumes(str(tmp_path / "a.part1.rar")):
        error = walk(part.read_bytes())
        assert isinstance(error, UnsupportedFormat)
        assert "split" in error.message


def test_limits(walk: Walk, summed: Summed) -> None:
    archive = rar_of([("a.jpg", photo(1)), ("b.jpg", photo(2, 5000))])
    assert [kind for _, kind in summed(walk(archive, Limits(max_entry_bytes=4000)))] == ["photo", "file-too-large"]
    assert isinstance(walk(archive, Limits(max_total_bytes=6000)), ArchiveTooLarge)
    assert isinstance(walk(archive, Limits(max_entries=1)), ArchiveTooLarge)
    bomb = rar_of([("a.jpg", JPEG + bytes(10_000_000)), ("b.jpg", photo())])
    assert [kind for _, kind in summed(walk(bomb))] == ["unsafe-archive", "photo"]


def test_everything_that_a_solid_archive_decodes_counts(walk: Walk) -> None:
    archive = rar_of([("a.txt", b"x" * 50_000), ("b.jpg", photo())], "rar50", solid=True)
    assert isinstance(walk(archive, Limits(max_total_bytes=10_000)), ArchiveTooLarge)


def test_more_headers_than_are_listed(walk: Walk) -> None:
    archive = rar_of(((f"{n}.jpg", photo(n, 50)) for n in range(200)), "rar50", store=True)
    error = walk(archive, Limits(max_entries=10))
    assert isinstance(error, ArchiveTooLarge)


def test_no_photo_and_nothing(walk: Walk) -> None:
    assert type(walk(rar_of([("a.txt", b"words")]))) is NoPhotos
    assert isinstance(walk(b"Rar!\x1a\x07\x01\x00"), DamagedArchive)
    assert isinstance(walk(b"Rar!\x1a\x07\x00"), DamagedArchive)
    assert isinstance(walk(b"RE~^" + bytes(50)), UnsupportedFormat)


def test_self_extracting_and_trailing_garbage(walk: Walk) -> None:
    for version, garbage in (("rar40", b""), ("rar50", b"garbage" * 100)):  # no end record is made for RAR 4 here
        entries = walk(b"MZ" + bytes(10_000) + rar_of([("a.jpg", photo())], version) + garbage)
        assert [entry.name for entry in entries] == ["a.jpg"]
