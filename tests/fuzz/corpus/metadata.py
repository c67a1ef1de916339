"""EXIF, colour profiles and XMP made to harm, in each format that carries them."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from tests.ensemble.files import chunk, cmyk_profile, rgb_profile, segment
from tests.fuzz.corpus.bases import gray_profile, picture, save
from tests.fuzz.corpus.case import Case
from tests.fuzz.corpus.webp import canvas, part, riff

_ORIENTATION = 0x0112
_ALL_METADATA = 0x2C


def entry(tag: int, kind: int, count: int, value: bytes | int) -> bytes:
    """An entry of a TIFF directory, big-endian."""
    held = value.ljust(4, b"\0")[:4] if isinstance(value, bytes) else struct.pack(">I", value)
    return struct.pack(">HHI", tag, kind, count) + held


def directory(*entries: bytes, count: int | None = None, following: int = 0) -> bytes:
    head = struct.pack(">H", len(entries) if count is None else count)
    return head + b"".join(entries) + struct.pack(">I", following)


def tiff(body: bytes, start: int = 8) -> bytes:
    return b"MM\0*" + struct.pack(">I", start) + body


def exif_bomb(entries: int, size: int) -> bytes:
    """EXIF data in which each entry claims the same ``size`` bytes, those of the directory included."""
    return tiff(directory(*(entry(tag, 7, size, 8) for tag in range(entries)))).ljust(8 + size, b"\0")


def in_all(exif: bytes = b"", icc: bytes = b"", xmp: bytes = b"", mode: str = "RGB") -> Iterator[tuple[str, bytes]]:
    """A JPEG, a PNG and a WebP with this metadata, whatever it is."""
    jpeg = save(picture(mode), "JPEG")
    parts = [segment(0xE1, b"Exif\0\0" + exif[at : at + 65_000]) for at in range(0, len(exif), 65_000)]
    pieces = [icc[at : at + 65_000] for at in range(0, len(icc), 65_000)]
    for number, piece in enumerate(pieces[:255]):
        parts.append(segment(0xE2, b"ICC_PROFILE\0" + bytes([number + 1, min(255, len(pieces))]) + piece))
    parts += [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp[:65_000])] if xmp else []
    yield "jpeg", jpeg[:2] + b"".join(parts) + jpeg[2:]
    if mode == "CMYK":
        return
    png = save(picture(mode), "PNG")
    extra = chunk(b"eXIf", exif) if exif else b""
    extra += chunk(b"iCCP", b"x\0\0" + zlib.compress(icc)) if icc else b""
    extra += chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp) if xmp else b""
    yield "png", png[:33] + extra + png[33:]
    if mode == "RGB":
        still = save(picture(), "WEBP")[12:]
        tail = [part(kind, body) for kind, body in ((b"EXIF", exif), (b"XMP ", xmp)) if body]
        yield "webp", riff(canvas(24, 17, _ALL_METADATA), *([part(b"ICCP", icc)] if icc else []), still, *tail)


def cases() -> Iterator[Case]:
    for name, exif in _exifs():
        yield from (Case(f"EXIF in {kind}: {name}", data) for kind, data in in_all(exif=exif))
    for name, icc in _profiles(rgb_profile()):
        yield from (Case(f"ICC in {kind}: {name}", data) for kind, data in in_all(icc=icc))
    for name, icc in _profiles(gray_profile()):
        yield from (Case(f"gray ICC in {kind}: {name}", data) for kind, data in in_all(icc=icc, mode="L"))
    for name, icc in _profiles(cmyk_profile()):
        yield from (Case(f"CMYK ICC in {kind}: {name}", data) for kind, data in in_all(icc=icc, mode="CMYK"))
    for name, xmp in _packets():
        yield from (Case(f"XMP in {kind}: {name}", data) for kind, data in in_all(xmp=xmp))


def _exifs() -> Iterator[tuple[str, bytes]]:
    for kind in range(14):
        yield f"orientation of type {kind}", tiff(directory(entry(_ORIENTATION, kind, 1, b"\0\6")))
    for value in (0, 9, 255, 0xFFFF):
        yield f"orientation {value}", tiff(directory(entry(_ORIENTATION, 3, 1, struct.pack(">H", value))))
    for count in (0, 2, 10_000, 2**31, 2**32 - 1):
        for kind in (1, 2, 3, 4, 5, 7, 12):
            yield f"orientation {count} times, type {kind}", tiff(directory(entry(_ORIENTATION, kind, count, 8)))
    yield "directory that follows itself", tiff(directory(entry(_ORIENTATION, 3, 1, b"\0\6"), following=8))
    for tag in (0x8769, 0x8825, 0xA005, 0x014A, 0x927C):
        for target in (0, 8, 10, 2**31, 2**32 - 1):
            yield (
                f"tag {tag:#x} leads to {target}",
                tiff(directory(entry(tag, 4, 1, target), entry(_ORIENTATION, 3, 1, b"\0\6"))),
            )
    yield "65,535 entries claimed", tiff(directory(entry(_ORIENTATION, 3, 1, b"\0\6"), count=0xFFFF))
    yield "5,000 entries", tiff(directory(*(entry(tag, 2, 40_000, 8) for tag in range(5000))))
    yield (
        "5,000 entries of one tag",
        tiff(directory(*(entry(_ORIENTATION, 5, 4000, 8) for _ in range(5000))) + bytes(200)),
    )
    yield "65,535 entries of 2 MB each", exif_bomb(0xFFFF, 2_000_000)
    yield "3,000 directories", tiff(b"".join(directory(following=8 + 6 * (n + 1)) for n in range(3000)))
    yield "starts at 2**32 - 1", tiff(b"", 2**32 - 1)
    yield "starts at 0", tiff(directory(), 0)
    yield "little-endian by name alone", b"II*\0" + tiff(directory(entry(_ORIENTATION, 3, 1, b"\0\6")))[4:]
    yield "BigTIFF", b"MM\0+\0\x08\0\0" + struct.pack(">Q", 2**63) + bytes(40)
    yield "no TIFF", b"\xff" * 500
    yield "one byte", b"M"
    yield "10 MB", tiff(directory(entry(_ORIENTATION, 3, 1, b"\0\6"))) + bytes(10_000_000)


def _profiles(good: bytes) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(9)
    count = int.from_bytes(good[128:132], "big")
    for number in range(count):
        at = 132 + 12 * number
        for name, offset, size in (
            ("before", 0, 50),
            ("at the end", len(good), 8),
            ("beyond", 2**31, 2**31),
            ("all", 0, len(good)),
            ("none", 132, 0),
        ):
            lying = good[: at + 4] + struct.pack(">II", offset, size) + good[at + 12 :]
            yield f"tag {number} lies: {name}", lying
    for claimed in (0, 1, 101, 2**16, 2**32 - 1):
        yield f"{claimed} tags claimed", good[:128] + struct.pack(">I", claimed) + good[132:]
    curves = good.replace(b"curv\0\0\0\0", b"curv\0\0\0\0\xff\xff\xff\xff"[:12])
    yield "curves of 4 billion points", _lengthened(curves)
    yield "parametric curve 65535", good.replace(b"para\0\0\0\0\0", b"para\0\0\0\0\xff")
    yield "size of 0", bytes(4) + good[4:]
    yield "size of 2**32 - 1", b"\xff" * 4 + good[4:]
    yield "version 255", good[:8] + b"\xff\xff\xff\xff" + good[12:]
    yield "of a device link", good[:12] + b"link" + good[16:]
    yield "connection space unknown", good[:20] + b"????" + good[24:]
    yield "cut to 128", good[:128]
    yield "cut in the middle", good[: len(good) // 2]
    yield "1 MiB", good.ljust(1 << 20, b"\0")
    yield "more than 1 MiB", good.ljust((1 << 20) + 1, b"\0")
    yield "15 MB", good.ljust(15_000_000, b"\0")
    for number in range(25):
        broken = bytearray(good)
        for _ in range(chance.choice([1, 4, 30])):
            broken[chance.randrange(len(broken))] = chance.choice([0, 255, chance.randrange(256)])
        broken[16:20] = good[16:20]
        yield f"random bytes {number}", bytes(broken)


def _lengthened(profile: bytes) -> bytes:
    """``profile`` with the length of each table of a curve set to its most."""
    at, made = -1, bytearray(profile)
    while (at := profile.find(b"curv", at + 1)) >= 0:
        made[at + 8 : at + 12] = b"\xff" * 4
    return bytes(made)


def _packets() -> Iterator[tuple[str, bytes]]:
    entities = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"ha" * 10) for n in range(12))
    yield (
        "entities that unfold",
        b"<!DOCTYPE x [" + entities + b"]><x:xmpmeta xmlns:x='adobe:ns:meta/'>&a11;</x:xmpmeta>",
    )
    yield "entity from a file", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x:xmpmeta>&a;</x:xmpmeta>'
    yield "orientation by XMP alone", b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    yield "orientation that is no number", b'<x tiff:Orientation="999999999999999999999999"/>'
    yield "20,000 deep", b"<a>" * 20_000
    yield "no XML", b"\xff\xfe\0\0" * 1000
    yield "10 MB", b"<x>" + b" " * 10_000_000
