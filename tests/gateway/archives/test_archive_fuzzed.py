"""Cut and broken archives: entries or a clear error, never anything else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from gateway.archives.entries import Photo
from limner.errors import InputError, UnsafeArchive
from tests.gateway.archives.conftest import Unpack, Walk
from tests.gateway.archives.making import photo, rar_of, with_fresh_checksums, zip_of

PHOTOS = [(f"相片/{n}.jpg", photo(n, 4000)) for n in range(6)]
ARCHIVES: dict[str, Callable[[], bytearray]] = {
    "stored zip": lambda: zip_of(PHOTOS, 0),
    "deflated zip": lambda: zip_of(PHOTOS, 8),
    "bzip2 zip": lambda: zip_of(PHOTOS, 12),
    "lzma zip": lambda: zip_of(PHOTOS, 14),
    "rar15": lambda: rar_of(PHOTOS, "rar15"),
    "rar20": lambda: rar_of(PHOTOS, "rar20"),
    "rar40": lambda: rar_of(PHOTOS, "rar40"),
    "solid rar40": lambda: rar_of(PHOTOS, "rar40", solid=True),
    "ppmd rar29": lambda: rar_of([("a.jpg", b"\xff\xd8\xff the photo of a face" * 500)], "rar29"),
    "rar50": lambda: rar_of(PHOTOS, "rar50"),
    "solid rar50": lambda: rar_of(PHOTOS, "rar50", solid=True),
    "solid rar70": lambda: rar_of(PHOTOS, "rar70", solid=True),
}
GOOD = {bytes(data) for _, data in PHOTOS}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_cut_at_every_kilobyte(kind: str, walk: Walk) -> None:
    archive = ARCHIVES[kind]()
    for size in [*range(1, 64), *range(0, len(archive), 1024), len(archive) - 1]:
        outcome = walk(archive[:size])
        assert isinstance(outcome, InputError) or all(
            bytes(entry.data) in GOOD for entry in outcome if isinstance(entry, Photo)
        )


def broken(archive: bytearray, seed: int) -> bytearray:
    """Some bytes changed, half of them near a name and so in a header, or a piece doubled or left out.

    Of RARs, every other one gets checksums that fit again, so that its headers are believed.
    """
    chance = random.Random(seed)
    archive = bytearray(archive)
    names = [match.start() for match in re.finditer(rb"\.jpg", archive)]
    for _ in range(chance.choice([1, 2, 8, 40])):
        at = chance.randrange(len(archive))
        if chance.random() < 0.5:
            at = max(8, min(len(archive) - 1, chance.choice(names) + chance.randrange(-60, 20)))
        archive[at] = chance.choice([0, 0xFF, archive[at] ^ (1 << chance.randrange(8)), chance.randrange(256)])
    if chance.random() < 0.1:
        start, length = chance.randrange(len(archive)), chance.randrange(300)
        archive[start : start + length] = archive[start : start + length] * chance.choice([0, 2])
    return with_fresh_checksums(archive) if archive.startswith(b"Rar!") and seed % 2 else archive


@pytest.mark.parametrize("kind", ARCHIVES)
def test_broken_bytes(kind: str, walk: Walk) -> None:
    archive = ARCHIVES[kind]()
    for seed in range(150):
        outcome = walk(broken(archive, seed))
        assert isinstance(outcome, (InputError, list))


@pytest.mark.parametrize("kind", ARCHIVES)
async def test_a_sample_of_broken_bytes_in_the_process(kind: str, unpack: Unpack) -> None:
    archive = ARCHIVES[kind]()
    for seed in range(1000, 1004):
        try:
            assert await unpack(broken(archive, seed))
        except InputError as error:
            assert not isinstance(error, UnsafeArchive) or "overlap" in error.message  # noqa: PT017 - else it crashed
