"""PNG files of 16 bits: every reader finds in them what was written, and they are made in little memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

import ensemble.png
from ensemble.photo import UInt8, UInt16
from ensemble.png import write_png
from tests.ensemble.files import PNG_SIGNATURE, Pixels, noise, opened

SIZES = [(1, 1), (1, 9), (9, 1), (31, 17)]


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and bodies of all chunks; every checksum holds and nothing is left over."""
    chunks, place = [], len(PNG_SIGNATURE)
    assert data.startswith(PNG_SIGNATURE)
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        place += 12 + length
    assert place == len(data)
    return chunks


def written(values: UInt16) -> bytes:
    height, width, channels = values.shape
    return write_png(width, height, channels, lambda top, bottom: values[top:bottom])


def by_opencv(data: bytes) -> Pixels:
    """uint16 [H, W, 1..4]; gray with alpha has two channels, which OpenCV makes four of."""
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if read.ndim == 2:
        return read[..., None]
    if data[25] == 4:
        assert (read[..., :3] == read[..., :1]).all()
        return read[..., 2:]
    return read[..., [2, 1, 0, 3][: read.shape[2]]]


@pytest.fixture(params=["one band", "bands of a row", "bands of some rows"])
def bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one band":
        monkeypatch.setattr(ensemble.png, "_BAND_VALUES", 1 if request.param == "bands of a row" else 200)


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("most", [3, 65535])
def test_opencv_reads_what_was_written(height: int, width: int, channels: int, most: int) -> None:
    """Of few different values, too: neighbours are then often equally near, and the order of choosing shows."""
    values = np.asarray(noise(1, height, width, channels, dtype=np.uint16) % (most + 1), np.uint16)
    assert np.array_equal(by_opencv(written(values)), values)


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize(("channels", "mode"), [(1, "I;16"), (2, "RGBA"), (3, "RGB"), (4, "RGBA")])
def test_pillow_reads_what_was_written(channels: int, mode: str) -> None:
    """Of colours the upper 8 bits, for it keeps no more."""
    values = noise(2, 31, 17, channels, dtype=np.uint16)
    image = opened(written(values))
    assert (image.mode, image.size) == (mode, (17, 31))
    read = np.asarray(image)
    if channels == 1:
        assert np.array_equal(read, values[..., 0])
    else:
        shown = values[..., [0, 0, 0, 1]] if channels == 2 else values
        assert np.array_equal(read, shown >> 8)


@pytest.mark.usefixtures("bands")
def test_chunks_are_whole_and_in_order() -> None:
    values = noise(3, 40, 30, 3, dtype=np.uint16)
    extra = [(b"tEXt", b"Title\0Portrait"), (b"teSt", b"")]
    data = write_png(30, 40, 3, lambda top, bottom: values[top:bottom], extra)
    chunks = png_chunks(data)
    names = [kind for kind, _ in chunks]
    pixels = [body for kind, body in chunks if kind == b"IDAT"]
    assert names == [b"IHDR", b"tEXt", b"teSt", *[b"IDAT"] * len(pixels), b"IEND"]
    assert chunks[1:3] == extra
    assert all(pixels)
    assert len(zlib.decompress(b"".join(pixels))) == 40 * (1 + 30 * 6)


@pytest.mark.parametrize("is_deep", [True, False], ids=["16 bits", "8 bits in 16"])
def test_files_are_hardly_larger_than_opencvs(astronaut: UInt8, is_deep: bool) -> None:
    if is_deep:
        fine = cv2.GaussianBlur(astronaut.astype(np.float32) * 257, (0, 0), 1)
        enlarged = cv2.resize(np.rint(fine).astype(np.uint16), (1024, 1024), interpolation=cv2.INTER_LINEAR)
    else:
        enlarged = cv2.resize(astronaut, (1024, 1024), interpolation=cv2.INTER_LANCZOS4).astype(np.uint16) * 257
    values = np.asarray(enlarged, np.uint16)
    done, by_opencv = cv2.imencode(".png", values[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert done
    assert len(written(values)) < 1.05 * len(by_opencv)


def test_each_band_is_asked_for_once_and_a_few_ahead_of_that() -> None:
    asked: list[tuple[int, int]] = []

    def rows(top: int, bottom: int) -> UInt16:
        asked.append((top, bottom))
        return np.zeros((bottom - top, 1000, 4), np.uint16)

    write_png(1000, 2000, 4, rows)
    assert [top for top, _ in asked[3:]] == [0, *(bottom for _, bottom in asked[3:-1])]
    assert asked[-1][1] == 2000
    assert max(bottom - top for top, bottom in asked) < 100


def test_memory_is_that_of_a_few_bands_and_the_file() -> None:
    def rows(top: int, bottom: int) -> UInt16:
        return np.asarray(noise(top, bottom - top, 2000, 4, dtype=np.uint16) & 0xFF0F, np.uint16)

    tracemalloc.start()
    try:
        data = write_png(2000, 1500, 4, rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) > 2000 * 1500 * 4
    assert peak < 1.2 * len(data) + 8e6
