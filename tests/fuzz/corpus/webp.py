"""What only a WebP can do to its decoder (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.fuzz.corpus.bases import picture, save
from tests.fuzz.corpus.case import Case

_ANIMATED, _XMP, _EXIF, _ALPHA, _ICC = 0x02, 0x04, 0x08, 0x10, 0x20


def part(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    """A chunk; ``size`` is what it says of itself."""
    return kind + struct.pack("<I", (len(body) if size is None else size) & 0xFFFF_FFFF) + body + bytes(len(body) % 2)


def riff(*parts: bytes, size: int | None = None) -> bytes:
    """A file from its chunks."""
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", (len(body) if size is None else size) & 0xFFFF_FFFF) + body


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return part(b"VP8X", struct.pack("<I", flags) + sides)


def motion(x: int, y: int, width: int, height: int, image: bytes, flags: int = 0) -> bytes:
    """A frame of an animation; ``x`` and ``y`` are halves."""
    numbers = (x, y, width - 1, height - 1, 40)
    return part(b"ANMF", b"".join(number.to_bytes(3, "little") for number in numbers) + bytes([flags]) + image)


def cases() -> Iterator[Case]:
    for name, data in (*_sizes(), *_canvases(), *_animations(), *_alphas(), *_lossless(), *_lossy(), *_floods()):
        yield Case(f"webp: {name}", data)


def _still(lossless: bool = False, size: tuple[int, int] = (24, 17)) -> bytes:
    """The chunk with the picture alone."""
    return save(picture(size=size), "WEBP", lossless=lossless)[12:]


def _sizes() -> Iterator[tuple[str, bytes]]:
    for size in (0, 4, 12, 13, 100, 2**31, 2**32 - 1, 2**32 - 2):
        yield f"RIFF of {size}", riff(_still(), size=size)
        yield f"VP8 of {size}", riff(part(b"VP8 ", _still()[8:], size))
        yield f"VP8L of {size}", riff(part(b"VP8L", _still(True)[8:], size))
        yield f"VP8X of {size}", riff(part(b"VP8X", bytes(10), size), _still())
    yield "odd size without padding", riff(part(b"VP8X", bytes(9)), _still())
    yield "picture twice", riff(_still(), _still(True))
    yield "no picture", riff(canvas(24, 17))
    yield "kind unknown", riff(part(b"VP9 ", bytes(40)))


def _canvases() -> Iterator[tuple[str, bytes]]:
    for width, height in ((1 << 24, 1 << 24), (1 << 24, 1), (16384, 16384), (7071, 7071), (23, 17), (25, 17), (1, 1)):
        for flags in (0, _ALPHA, _ANIMATED, 0xFF):
            yield f"canvas {width}x{height}, flags {flags:#x}", riff(canvas(width, height, flags), _still())
    yield "two canvases", riff(canvas(24, 17), canvas(7000, 7000), _still())
    yield "canvas behind the picture", riff(_still(), canvas(7000, 7000))


def _animations() -> Iterator[tuple[str, bytes]]:
    head, still = part(b"ANIM", bytes(6)), _still(True)
    for count in (0, 1, 100, 20_000):
        yield f"{count} frames", riff(canvas(24, 17, _ANIMATED), head, motion(0, 0, 24, 17, still) * count)
    yield "7071x7071 twice", riff(canvas(7071, 7071, _ANIMATED), head, motion(0, 0, 24, 17, still) * 2)
    yield "7071x7071 once", riff(canvas(7071, 7071, _ANIMATED), head, motion(0, 0, 24, 17, still))
    yield "7000x3500 twice", riff(canvas(7000, 3500, _ANIMATED), head, motion(0, 0, 24, 17, still) * 2)
    yield (
        "canvas of 16384 squared, 100 frames",
        riff(canvas(16384, 16384, _ANIMATED), head, motion(0, 0, 24, 17, still) * 100),
    )
    for place in ((1, 0, 24, 17), (0, 0, 1 << 24, 1 << 24), (0xFFFFFF, 0xFFFFFF, 24, 17), (0, 0, 23, 17)):
        yield f"frame at {place}", riff(canvas(24, 17, _ANIMATED), head, motion(*place, still))
    yield "frame in a frame", riff(canvas(24, 17, _ANIMATED), head, motion(0, 0, 24, 17, motion(0, 0, 24, 17, still)))
    yield "no ANIM", riff(canvas(24, 17, _ANIMATED), motion(0, 0, 24, 17, still))
    yield "frame without picture", riff(canvas(24, 17, _ANIMATED), head, motion(0, 0, 24, 17, b"") * 50)
    yield "30,000 empty frames", riff(canvas(24, 17, _ANIMATED), head, part(b"ANMF", b"") * 30_000)
    yield "ANIM of no bytes", riff(canvas(24, 17, _ANIMATED), part(b"ANIM", b""), motion(0, 0, 24, 17, still))


def _alphas() -> Iterator[tuple[str, bytes]]:
    still = _still()
    for first in (0, 1, 2, 3, 0x04, 0x0C, 0x10, 0x20, 0xC0, 0xFF):
        for body in (b"", b"\0" * 4, b"\xff" * 500, bytes(24 * 17)):
            alpha = part(b"ALPH", bytes([first]) + body)
            yield f"ALPH {first:#x} of {len(body)}", riff(canvas(24, 17, _ALPHA), alpha, still)
    yield "ALPH twice", riff(canvas(24, 17, _ALPHA), part(b"ALPH", bytes(409)) * 2, still)
    yield "ALPH behind", riff(canvas(24, 17, _ALPHA), still, part(b"ALPH", bytes(409)))


def _lossless() -> Iterator[tuple[str, bytes]]:
    good = _still(True)[8:]
    for width, height in ((16384, 16384), (16384, 1), (7071, 7071), (1, 1)):
        head = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little")
        for name, body in (("nothing", b""), ("zeros", bytes(400)), ("ones", b"\xff" * 400), ("another's", good[5:])):
            yield f"lossless {width}x{height}, then {name}", riff(part(b"VP8L", head + body))
    yield "lossless, version 7", riff(part(b"VP8L", good[:4] + bytes([good[4] | 0xE0]) + good[5:]))


def _lossy() -> Iterator[tuple[str, bytes]]:
    good = _still()[8:]
    for width, height in ((16383, 16383), (16383, 1), (7071, 7071), (0, 0), (0xFFFF, 0xFFFF)):
        yield f"lossy {width}x{height}", riff(part(b"VP8 ", good[:6] + struct.pack("<HH", width, height) + good[10:]))
    for first in (0x00, 0x01, 0x0E, 0x1E, 0xFF):
        yield f"lossy, frame tag {first:#x}", riff(part(b"VP8 ", bytes([first]) + good[1:]))
    yield "lossy, first partition too long", riff(part(b"VP8 ", good[:1] + b"\xff\xff" + good[3:]))


def _floods() -> Iterator[tuple[str, bytes]]:
    still = _still()
    for kind in (b"EXIF", b"XMP ", b"ICCP", b"ABCD", b"ALPH"):
        flags = _EXIF | _XMP | _ICC
        yield f"100,000 empty {kind.decode()}", riff(canvas(24, 17, flags), part(kind, b"") * 100_000, still)
        yield f"{kind.decode()} of 15 MB", riff(canvas(24, 17, flags), part(kind, bytes(15_000_000)), still)
        yield f"{kind.decode()} longer than the file", riff(canvas(24, 17, flags), part(kind, b"xx", 2**31), still)
    yield "1,000,000 empty chunks", riff(canvas(24, 17), part(b"ABCD", b"") * 1_000_000, still)
