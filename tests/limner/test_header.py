"""The header step: format and size from the first bytes, and a clear refusal of everything else."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limner.errors import DamagedImage, EmptyImage, UnsupportedFormat
from limner.header import MAX_PROFILE_BYTES, Header, exif_of_jpeg, read_header, without_animation, without_metadata
from tests.ensemble.files import (
    PNG_SIGNATURE,
    assert_advises,
    chunk,
    jpeg_header,
    noise,
    opened,
    png,
    png_header,
    rgb_profile,
    saved,
    segment,
    webp_header,
)

IMAGE = Image.new("RGB", (23, 17), (200, 120, 40))
HEADERS = {
    "png": png_header(23, 17),
    "jpeg": jpeg_header(23, 17),
    **{kind: webp_header(23, 17, kind) for kind in ("VP8 ", "VP8L", "VP8X")},
}


@pytest.mark.parametrize(
    ("data", "file_format"),
    [
        (saved(IMAGE, "png"), "png"),
        (saved(IMAGE.convert("P"), "png"), "png"),
        (saved(IMAGE, "jpeg"), "jpeg"),
        (saved(IMAGE, "jpeg", progressive=True), "jpeg"),
        (saved(IMAGE.convert("L"), "jpeg", restart_marker_blocks=1), "jpeg"),
        (saved(IMAGE.convert("CMYK"), "jpeg"), "jpeg"),
        (saved(IMAGE, "jpeg", comment=b"\xff\xc0" * 500, exif=b"Exif\0\0" + b"\xff\xd9" * 500), "jpeg"),
        (saved(IMAGE, "webp"), "webp"),
        (saved(IMAGE, "webp", lossless=True), "webp"),
        (saved(IMAGE.convert("RGBA"), "webp", exif=b"Exif\0\0x"), "webp"),
    ],
)
def test_size_and_format_of_real_files(data: bytes, file_format: Literal["jpeg", "png", "webp"]) -> None:
    assert read_header(data) == read_header(memoryview(data)) == Header(file_format, 23, 17)


@pytest.mark.parametrize("bit_depth", [1, 2, 4, 8, 16])
def test_bit_depth_of_a_png(bit_depth: int) -> None:
    assert read_header(png_header(5, 6, bit_depth, colour_type=0)) == Header("png", 5, 6, bit_depth)


@pytest.mark.parametrize("marker", [*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)])
def test_every_kind_of_jpeg_frame_tells_the_size(marker: int) -> None:
    data = jpeg_header(640, 480).replace(b"\xff\xc0", bytes([0xFF, marker]))
    assert read_header(data) == Header("jpeg", 640, 480)


@pytest.mark.parametrize("marker", [0xC4, 0xCC])
def test_tables_that_share_the_frames_range_are_passed_over(marker: int) -> None:
    table = segment(marker, b"\x08\x00\x01\x00\x01\x01\x01\x11\x00")
    data = jpeg_header(640, 480)
    assert read_header(data[:2] + table + data[2:]) == Header("jpeg", 640, 480)


@pytest.mark.parametrize("marker", [0x00, 0x02, 0xBF, 0xC8, 0xD8, 0xF0, 0xFD])
def test_what_some_readers_take_for_a_segment_and_some_do_not_is_refused(marker: int) -> None:
    """Pillow reads on behind the marker; a segment inside, such as EXIF, would reach it unseen."""
    data = saved(IMAGE, "jpeg")
    hidden = segment(marker, segment(0xE1, b"Exif\0\0MM\0*"))
    with pytest.raises(DamagedImage):
        read_header(data[:2] + hidden + data[2:])


def test_exif_of_a_jpeg() -> None:
    data = saved(IMAGE, "jpeg", xmp=b"<x/>", exif=b"Exif\0\0MM\0*first")
    assert exif_of_jpeg(data) == b"Exif\0\0MM\0*first"
    assert exif_of_jpeg(without_metadata(data, "jpeg")) == b""
    assert exif_of_jpeg(data[:2] + segment(0xE1, b"Exif") + segment(0xE1, b"Exif\0\0x") + data[2:]) == b"Exif\0\0x"
    assert exif_of_jpeg(saved(IMAGE, "jpeg") + segment(0xE1, b"Exif\0\0x")) == b""


def test_fill_bytes_and_lone_markers_are_passed_over() -> None:
    data = jpeg_header(640, 480)
    assert read_header(data[:2] + b"\xff\xff\xff\x01\xff\xd0\xff" + data[2:]) == Header("jpeg", 640, 480)


@pytest.mark.parametrize("kind", ["VP8 ", "VP8L", "VP8X"])
@pytest.mark.parametrize("size", [(1, 1), (16383, 1), (1, 16383), (4097, 3333)])
def test_size_of_every_kind_of_webp(kind: str, size: tuple[int, int]) -> None:
    assert read_header(webp_header(*size, kind)) == Header("webp", *size)


def test_scaling_hint_of_a_lossy_webp_is_no_size() -> None:
    assert read_header(webp_header(23 | 0xC000, 17 | 0x4000, "VP8 ")) == Header("webp", 23, 17)


def test_claims_are_read_not_believed() -> None:
    assert read_header(png_header(60_000, 60_000)) == Header("png", 60_000, 60_000)
    assert read_header(webp_header(1 << 24, 1 << 24, "VP8X")) == Header("webp", 1 << 24, 1 << 24)


@pytest.mark.parametrize("data", [b"", memoryview(b"")])
def test_no_bytes_at_all(data: bytes | memoryview) -> None:
    with pytest.raises(EmptyImage, match="is empty") as refused:
        read_header(data)
    assert_advises(refused.value)


@pytest.mark.parametrize("size", [(0, 17), (23, 0), (0, 0)])
@pytest.mark.parametrize("make", [png_header, jpeg_header, lambda width, height: webp_header(width, height, "VP8 ")])
def test_size_zero(make: Callable[[int, int], bytes], size: tuple[int, int]) -> None:
    with pytest.raises(DamagedImage, match="no width or no height") as refused:
        read_header(make(*size))
    assert_advises(refused.value)


@pytest.mark.parametrize("name", HEADERS)
def test_header_cut_at_every_byte(name: str) -> None:
    data = HEADERS[name]
    signature = {"png": 8, "jpeg": 3}.get(name, 12)
    # The checksum of IHDR may lack, and so may what the header of a scan holds.
    needed = {"png": 29, "jpeg": len(data) - 6, "VP8L": 25}.get(name, 30)
    for length in range(1, needed):
        with pytest.raises(DamagedImage if length >= signature else UnsupportedFormat) as refused:
            read_header(data[:length])
        assert_advises(refused.value)
    for length in range(needed, len(data) + 1):
        assert (read_header(data[:length]).width, read_header(data[:length]).height) == (23, 17)


@pytest.mark.parametrize(
    "data",
    [
        PNG_SIGNATURE + chunk(b"gAMA", bytes(21)),
        b"\xff\xd8" + segment(0xDA, bytes(6)) + bytes(50),
        b"\xff\xd8\xff\xd9" + jpeg_header(23, 17)[2:],
        b"\xff\xd8\xff\xe0\x00\x01" + jpeg_header(23, 17)[2:],
        b"\xff\xd8\xff\xe0\x00\x04ab" + b"junk" + jpeg_header(23, 17)[2:],
        webp_header(23, 17, "VP8 ").replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
        webp_header(23, 17, "VP8L").replace(b"\x2f", b"\x2e"),
        webp_header(23, 17, "VP8X").replace(b"VP8X", b"ANIM"),
    ],
)
def test_header_that_contradicts_itself(data: bytes) -> None:
    with pytest.raises(DamagedImage, match="damaged in its header") as refused:
        read_header(data)
    assert_advises(refused.value)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved(IMAGE, "gif"), "a GIF"),
        (saved(IMAGE, "bmp"), "a BMP"),
        (saved(IMAGE, "tiff"), "a TIFF"),
        (b"MM\x00*\x00\x00\x00\x08", "a TIFF"),
        (b"8BPS\x00\x01", "a Photoshop file"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL"),
        (b"\xff\x0a\x00", "a JPEG XL"),
        (b"<svg xmlns=", "an SVG"),
        (b"\x00\x00\x00\x18ftypheic", "a HEIC"),
        (b"\x00\x00\x00\x18ftypmif1", "a HEIC"),
        (b"\x00\x00\x00\x18ftypavif", "an AVIF"),
        (b"\x00\x00\x00\x18ftypavis", "an AVIF"),
        (b"\x00\x00\x00\x18ftypisom", "a video"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a file of unknown format"),
        (b"Dear sir or madam", "a file of unknown format"),
        (b"\x00", "a file of unknown format"),
    ],
)
def test_other_formats_are_called_by_name(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat) as refused:
        read_header(data)
    assert refused.value.message.startswith(f"This is {name}")
    assert_advises(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 2_000_000,
        b"\xff\xd8" + b"\xff\xd0" * 1_000_000,
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 500_000,
        jpeg_header(23, 17) + b"\xff\xe0\x00\x02" * 500_000,
        png_header(23, 17) + chunk(b"abCd", b"") * 200_000,
    ],
    ids=["fill bytes", "restarts", "segments", "segments behind a scan", "chunks"],
)
def test_floods_of_parts_are_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(DamagedImage, match="more parts than any camera writes") as refused:
        read_header(data)
    assert time.process_time() - started < 1
    assert_advises(refused.value)


def test_scans_without_end_are_refused() -> None:
    """Each would make the decoder go through the whole picture, for 70 bytes."""
    data = saved(IMAGE, "jpeg", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert read_header(data[:-2] + last_scan * 50 + data[-2:]).width == 23
    with pytest.raises(DamagedImage, match="more parts than any camera writes"):
        read_header(data[:-2] + last_scan * 150 + data[-2:])


def test_what_follows_the_end_of_a_jpeg_is_not_looked_at() -> None:
    """Cameras put gain maps and films there."""
    data = saved(IMAGE, "jpeg") + b"\xff\xda\x00\x04ab" * 200_000
    assert read_header(data) == Header("jpeg", 23, 17)
    assert opened(data).size == (23, 17)


def test_what_follows_the_end_of_a_png_is_not_looked_at() -> None:
    """Zeros there would be read as a flood of chunks."""
    assert read_header(saved(IMAGE, "png") + bytes(1_000_000)) == Header("png", 23, 17)


# --- what decoders need not see --------------------------------------------------------------------------------------

PIXELS = noise(1, 17, 23, 3)
NEEDED_CHUNKS = {
    "profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(rgb_profile())),
    "orientation": chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0"),
    "transparent colour": chunk(b"tRNS", bytes(6)),
    "animation": chunk(b"acTL", struct.pack(">II", 1, 0)),
    "private": chunk(b"prVt", b"abc"),
}
NEEDLESS_CHUNKS = {
    "text": chunk(b"tEXt", b"Comment\0secret"),
    "packed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2 << 20))),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
    "short gamma": chunk(b"gAMA", b"\0"),
    "odd primaries": chunk(b"cHRM", bytes(31)),
    "empty intent": chunk(b"sRGB", b""),
    "short resolution": chunk(b"pHYs", b"\0"),
    "broken profile": chunk(b"iCCP", b"a\0\0rubbish"),
    "profile packed otherwise": chunk(b"iCCP", b"a\0\1" + zlib.compress(rgb_profile())),
    "profile without a name": chunk(b"iCCP", b""),
    "large profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(MAX_PROFILE_BYTES + 1))),
}


@pytest.mark.parametrize("name", NEEDED_CHUNKS)
def test_chunks_that_show_are_kept(name: str) -> None:
    data = png(PIXELS, NEEDED_CHUNKS[name])
    assert without_metadata(data, "png") == data


@pytest.mark.parametrize("name", NEEDLESS_CHUNKS)
def test_chunks_that_do_not_show_are_left_out(name: str) -> None:
    extra = NEEDED_CHUNKS["orientation"] + NEEDLESS_CHUNKS[name] + NEEDED_CHUNKS["transparent colour"]
    kept = NEEDED_CHUNKS["orientation"] + NEEDED_CHUNKS["transparent colour"]
    assert without_metadata(png(PIXELS, extra), "png") == png(PIXELS, kept)


def test_of_many_profiles_the_first_is_kept() -> None:
    first, second = NEEDED_CHUNKS["profile"], chunk(b"iCCP", b"b\0\0" + zlib.compress(rgb_profile()))
    assert without_metadata(png(PIXELS, first + second + first), "png") == png(PIXELS, first)


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xE2, b"ICC_PROFILE\0\1\1" + rgb_profile()),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
        (0xDB, b"\0" + bytes(64)),
    ],
)
def test_segments_that_show_are_kept(marker: int, body: bytes) -> None:
    data = saved(IMAGE, "jpeg")
    data = data[:2] + segment(marker, body) + data[2:]
    assert without_metadata(data, "jpeg") == data


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE0, b"JFXX\0\x10"),
        (0xE0, b"JFIF\0"),
        (0xE1, b"Exif\0\0MM\0*"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"MPF\0II*\0"),
        (0xEB, b"JP\0\1"),
        (0xED, b"Photoshop 3.0\x008BIM\4\4"),
        (0xEE, b"Adobe"),
        (0xEF, b""),
        (0xFE, b"a comment"),
    ],
)
def test_segments_that_do_not_show_are_left_out(marker: int, body: bytes) -> None:
    data = saved(IMAGE, "jpeg")
    assert without_metadata(data[:20] + segment(marker, body) + data[20:], "jpeg") == data


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_nothing_behind_the_start_of_a_jpegs_picture_is_touched(options: dict[str, object]) -> None:
    data = saved(Image.fromarray(PIXELS), "jpeg", **options) + segment(0xED, b"Photoshop 3.0\0") + b"trailing"
    assert without_metadata(data, "jpeg") == data


def test_a_webp_stays_as_it_is() -> None:
    data = saved(IMAGE, "webp", xmp=b"<x/>")
    assert without_metadata(data, "webp") == data


def test_a_png_without_its_animation() -> None:
    control, frame = chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26))
    data = png(PIXELS, control + frame)
    data = data[:-12] + frame + chunk(b"fdAT", bytes(4)) + data[-12:]
    assert without_animation(data) == png(PIXELS)


VALID = st.sampled_from([*HEADERS.values(), saved(IMAGE, "jpeg"), saved(IMAGE, "webp", lossless=True)])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A header with some bytes changed and a piece of it cut out."""
    data = bytearray(draw(VALID))
    for position, value in draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4)):
        data[position % len(data)] = value
    start = draw(st.integers(0, len(data)))
    return bytes(data[:start] + data[start + draw(st.integers(0, 4)) :])


@given(st.binary(max_size=80) | mutated())
def test_any_bytes_give_a_header_or_one_of_three_errors(data: bytes) -> None:
    try:
        header = read_header(data)
    except (EmptyImage, UnsupportedFormat, DamagedImage) as error:
        assert_advises(error)
    else:
        assert header.width > 0
        assert header.height > 0
        assert header.format in {"jpeg", "png", "webp"}
        assert len(without_metadata(data, header.format)) <= len(data)
