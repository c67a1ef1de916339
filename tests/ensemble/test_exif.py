"""Orientation out of EXIF data, whatever else they hold."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ensemble.decode import decode_photo
from ensemble.exif import orientation_of
from tests.ensemble.files import exif
from tests.fuzz.corpus.metadata import directory, entry, exif_bomb, in_all, tiff

TAG = 0x0112
UPRIGHT = entry(TAG, 3, 1, b"\0\6")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientations(orientation: int, order: str, prefix: bytes) -> None:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    for kind, value in ((3, "H2x"), (4, "I")):
        body = struct.pack(f"{order}IHHHI{value}I", 8, 1, TAG, kind, 1, orientation, 0)
        assert orientation_of(prefix + magic + body) == orientation
    assert orientation_of(exif(orientation, "words").tobytes()) == orientation


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"MM\0*",
        tiff(directory(UPRIGHT))[:-10],
        tiff(directory(UPRIGHT), start=2**32 - 1),
        tiff(directory(entry(TAG, 3, 1, b"\0\x09"))),
        tiff(directory(entry(TAG, 3, 1, b"\0\0"))),
        tiff(directory(entry(TAG, 3, 2, b"\0\6"))),
        tiff(directory(entry(TAG, 2, 1, b"\0\6"))),
        tiff(directory(UPRIGHT, count=0)),
        tiff(directory(entry(0x010E, 3, 1, b"\0\6"), following=8)),
    ],
)
def test_upright_where_nothing_can_be_read(data: bytes) -> None:
    assert orientation_of(data) == 1


def test_more_entries_claimed_than_there_are() -> None:
    assert orientation_of(tiff(directory(UPRIGHT, count=0xFFFF))) == 6


@given(st.binary(max_size=60) | st.binary(max_size=60).map(tiff))
def test_any_bytes_give_an_orientation(data: bytes) -> None:
    assert 1 <= orientation_of(data) <= 8


@given(
    st.lists(st.tuples(st.sampled_from([TAG, TAG + 1, 0x010F]), st.sampled_from([1, 2, 3, 4, 9]), st.integers(0, 9)))
)
def test_as_pillow_reads_it(entries: list[tuple[int, int, int]]) -> None:
    """Where each tag stands once, and orientation has a type that the standard allows."""
    known = {tag: (kind if tag != TAG else 3, value) for tag, kind, value in entries}
    data = tiff(directory(*(entry(tag, kind, 1, bytes([0, value])) for tag, (kind, value) in known.items())))
    theirs = Image.Exif()
    theirs.load(data)
    value = theirs.get(TAG, 1)
    assert orientation_of(data) == (value if 1 <= value <= 8 else 1)


@pytest.mark.parametrize("place", range(3), ids=["jpeg", "png", "webp"])
def test_entries_that_each_claim_the_whole_file_take_no_memory(place: int) -> None:
    """65,535 times 200 KB would be 13 GB; Pillow makes a copy for each."""
    _, data = list(in_all(exif=exif_bomb(0xFFFF, 200_000)))[place]
    tracemalloc.start()
    try:
        decode_photo(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40_000_000
