"""What only a PNG can do to its decoder (PNG specification, 3rd edition)."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

from tests.ensemble.files import PNG_SIGNATURE, chunk
from tests.fuzz.corpus.bases import picture, save
from tests.fuzz.corpus.case import Case
from tests.fuzz.corpus.png_parts import END, header, zeros

_ROWS = zlib.compress(bytes(200_000))


def cases() -> Iterator[Case]:
    for name, data in (*_headers(), *_bombs(), *_palettes(), *_floods(), *_animations(), *_streams(), *_text()):
        yield Case(f"png: {name}", data)


def _with(head: bytes, *parts: bytes, pixels: bytes = _ROWS) -> bytes:
    return b"".join([head, *parts, chunk(b"IDAT", pixels), END])


def _headers() -> Iterator[tuple[str, bytes]]:
    big = 2**31
    sizes = [(0, 5), (5, 0), (big - 1, big - 1), (big, 1), (2**32 - 1, 1), (1, 2**32 - 1), (big - 1, 1), (7071, 7071)]
    for width, height in (*sizes, (50_000_000, 1), (1, 50_000_000), (65_536, 65_536)):
        yield f"{width}x{height}", _with(header(width, height))
    for depth, colour in itertools.product((0, 1, 2, 3, 4, 8, 16, 32, 255), (0, 1, 2, 3, 4, 5, 6, 7, 255)):
        yield f"depth {depth}, colour type {colour}", _with(header(9, 9, depth, colour))
        yield (
            f"depth {depth}, colour type {colour}, palette",
            _with(header(9, 9, depth, colour), chunk(b"PLTE", bytes(12))),
        )
    for field, value in itertools.product(("compression", "filtering", "interlace"), (1, 2, 64, 255)):
        yield f"{field} {value}", _with(header(9, 9, **{field: value}))
    yield "two headers", _with(header(9, 9), header(5000, 5000)[8:])
    yield "header of 12 bytes", PNG_SIGNATURE + chunk(b"IHDR", bytes(12)) + chunk(b"IDAT", _ROWS) + END
    yield "header of 1,000 bytes", PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIB", 9, 9, 8) + bytes(991)) + END
    yield "no header", PNG_SIGNATURE + chunk(b"IDAT", _ROWS) + END


def _bombs() -> Iterator[tuple[str, bytes]]:
    bomb = zeros(300_000_000)
    yield "IDAT bomb for 9x9", _with(header(9, 9), pixels=bomb)
    yield "IDAT bomb that fits 7071x7071", _with(header(7071, 7071), pixels=zeros(7071 * (3 * 7071 + 1)))
    yield "16-bit bomb that fits 7071x7071", _with(header(7071, 7071, 16, 6), pixels=zeros(7071 * (8 * 7071 + 1)))
    yield "one bit, 7071x7071", _with(header(7071, 7071, 1, 0), pixels=zeros(7071 * 885))
    yield "interlaced 7071x7071, no data", _with(header(7071, 7071, interlace=1), pixels=zlib.compress(b""))
    yield "iCCP bomb", _with(header(9, 9), chunk(b"iCCP", b"x\0\0" + bomb))
    yield "iCCP bombs by the hundred", _with(header(9, 9), chunk(b"iCCP", b"x\0\0" + zeros(10_000_000)) * 100)
    yield "zTXt bomb", _with(header(9, 9), chunk(b"zTXt", b"x\0\0" + bomb))
    yield "zTXt bombs by the hundred", _with(header(9, 9), chunk(b"zTXt", b"x\0\0" + zeros(1_000_000)) * 100)
    yield "iTXt bomb", _with(header(9, 9), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))
    yield "eXIf of 10 MB", _with(header(9, 9), chunk(b"eXIf", b"MM\0*\0\0\0\x08" + bytes(10_000_000)))
    yield "tRNS of 10 MB", _with(header(9, 9, 8, 3), chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(10_000_000)))
    yield "PLTE of 10 MB", _with(header(9, 9, 8, 3), chunk(b"PLTE", bytes(9_999_999)))
    yield "bomb behind the end", _with(header(9, 9)) + chunk(b"IDAT", bomb) + END


def _palettes() -> Iterator[tuple[str, bytes]]:
    for colour, size, transparent in itertools.product(
        (0, 2, 3, 4, 6), (None, 0, 1, 3, 768, 900), (None, 0, 1, 2, 6, 256)
    ):
        palette = b"" if size is None else chunk(b"PLTE", bytes(size))
        transparency = b"" if transparent is None else chunk(b"tRNS", b"\xff" * transparent)
        yield (
            f"colour type {colour}, PLTE {size}, tRNS {transparent}",
            _with(header(9, 9, 8, colour), palette, transparency),
        )
    yield "tRNS ahead of PLTE", _with(header(9, 9, 8, 3), chunk(b"tRNS", b"\0"), chunk(b"PLTE", bytes(9)))
    yield (
        "pixels beyond the palette",
        _with(header(9, 9, 8, 3), chunk(b"PLTE", bytes(3)), pixels=zlib.compress((b"\0" + b"\xff" * 9) * 9)),
    )


def _floods() -> Iterator[tuple[str, bytes]]:
    for kind in (
        b"tEXt",
        b"abCd",
        b"IDAT",
        b"PLTE",
        b"tRNS",
        b"eXIf",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"iCCP",
        b"pHYs",
        b"hIST",
    ):
        yield f"49,000 empty {kind.decode()}", _with(header(9, 9), chunk(kind, b"") * 49_000)
        yield f"60,000 empty {kind.decode()}", _with(header(9, 9), chunk(kind, b"") * 60_000)
    one_by_one = b"".join(chunk(b"IDAT", _ROWS[at : at + 1]) for at in range(len(_ROWS)))
    yield "pixels one byte a chunk", header(9, 9) + one_by_one + END
    yield "an unknown critical chunk", _with(header(9, 9), chunk(b"XXXX", bytes(100)))
    yield (
        "kinds that are no letters",
        _with(header(9, 9), *(chunk(bytes([n, 0, 255, n]), b"x") for n in range(0, 256, 5))),
    )


def _animations() -> Iterator[tuple[str, bytes]]:
    def control(number: int, width: int, height: int, x: int = 0, y: int = 0, tail: bytes = b"\0\1\0\1\0\0") -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIII", number, width, height, x, y) + tail)

    for frames in (0, 1, 2, 10**6, 2**31 - 1, 2**32 - 1):
        yield f"{frames} frames", _with(header(9, 9), chunk(b"acTL", struct.pack(">II", frames, 0)), control(0, 9, 9))
    for size in (
        (0, 0, 0, 0),
        (10, 9, 0, 0),
        (9, 9, 1, 1),
        (2**31, 9, 0, 0),
        (60_000, 60_000, 0, 0),
        (1, 1, 2**31, 2**31),
    ):
        yield f"frame {size}", _with(header(9, 9), chunk(b"acTL", struct.pack(">II", 2, 0)), control(0, *size))
    wrong = b"".join(control(7, 9, 9) + chunk(b"fdAT", struct.pack(">I", n) + _ROWS) for n in range(50))
    yield "numbers out of order", _with(header(9, 9), chunk(b"acTL", struct.pack(">II", 50, 0)))[:-12] + wrong + END
    yield "acTL of 3 bytes", _with(header(9, 9), chunk(b"acTL", b"abc"), control(0, 9, 9))
    yield "fcTL of 3 bytes", _with(header(9, 9), chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", b"abc"))
    yield (
        "animation of 16 bits, 60,000 wide",
        _with(header(9, 9, 16), chunk(b"acTL", struct.pack(">II", 2, 0)), control(0, 60_000, 9)),
    )


def _streams() -> Iterator[tuple[str, bytes]]:
    good = zlib.compress((b"\0" + bytes(27)) * 9)
    for name, stream in {
        "empty": b"",
        "no zlib": b"this is no stream",
        "wrong sum": good[:-4] + bytes(4),
        "window of 64 KiB": b"\x88\x1c" + good[2:],
        "preset dictionary": b"\x78\x20" + bytes(4) + good[2:],
        "reserved block": b"\x78\x9c\x07" + bytes(20),
        "distance too far": b"\x78\x9c\x63\x60\x04\x82\x01" + bytes(8),
        "half the rows": zlib.compress((b"\0" + bytes(27)) * 4),
        "filter 255": zlib.compress((b"\xff" + bytes(27)) * 9),
        "a second stream behind": good + good * 50,
        "stored blocks of nothing": b"\x78\x01" + b"\0\0\0\xff\xff" * 200_000 + b"\1\0\0\xff\xff\0\0\0\1",
    }.items():
        for depth in (8, 16):
            yield f"{depth} bits, stream: {name}", _with(header(9, 9, depth), pixels=stream)


def _text() -> Iterator[tuple[str, bytes]]:
    good = save(picture(), "PNG")
    ahead, behind = good[:33], good[33:]
    for kind in (
        "gAMA",
        "cHRM",
        "sRGB",
        "pHYs",
        "tIME",
        "bKGD",
        "sBIT",
        "sPLT",
        "hIST",
        "iCCP",
        "tEXt",
        "zTXt",
        "iTXt",
        "eXIf",
    ):
        for size in (0, 1, 3, 200):
            yield f"{kind} of {size} bytes", ahead + chunk(kind.encode(), b"\xff" * size) + behind
            yield f"{kind} of {size} zeros at the end", good[:-12] + chunk(kind.encode(), bytes(size)) + good[-12:]
