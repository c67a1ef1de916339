"""What only a JPEG can do to its decoder (ITU-T T.81)."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from tests.ensemble.files import segment
from tests.fuzz.corpus.bases import picture, save
from tests.fuzz.corpus.case import Case
from tests.fuzz.corpus.metadata import exif_bomb

_SOS, _DHT, _DQT, _DRI, _DNL, _DAC, _EOI = 0xDA, 0xC4, 0xDB, 0xDD, 0xDC, 0xCC, b"\xff\xd9"
_TABLE = segment(_DQT, b"\0" + bytes([1] * 64))
_HUFFMAN = segment(_DHT, b"\0" + bytes([1, *[0] * 15]) + b"\0") + segment(_DHT, b"\x10" + bytes([1, *[0] * 15]) + b"\0")
"""One code of one bit each, for the value 0: no difference, end of block."""


def frame(
    width: int, height: int, marker: int = 0xC0, components: int = 1, depth: int = 8, sampling: int = 0x11
) -> bytes:
    """A frame header, whatever it says."""
    parts = b"".join(bytes([1 + number, sampling, 0]) for number in range(components))
    return segment(marker, struct.pack(">BHHB", depth, height, width, components) + parts)


def scan(components: int = 1, start: int = 0, end: int = 63, bits: int = 0) -> bytes:
    parts = b"".join(bytes([1 + number, 0]) for number in range(components))
    return segment(_SOS, bytes([components]) + parts + bytes([start, end, bits]))


def plain(size: bytes, picture_data: bytes = b"", middle: bytes = b"") -> bytes:
    """A JPEG from its frame header, tables and one scan of ``picture_data``."""
    return b"\xff\xd8" + _TABLE + size + _HUFFMAN + middle + scan() + picture_data + _EOI


def progressive(width: int, height: int, scans: int, refine: bool = False) -> bytes:
    """One scan for all DC values, then many of AC, each a few bytes, over the whole picture."""
    one = scan(1, 1, 63, 0x00 if not refine else 0x10) + b"\x00"
    return b"\xff\xd8" + _TABLE + frame(width, height, 0xC2) + _HUFFMAN + scan(1, 0, 0) + b"\0" + one * scans + _EOI


def cases() -> Iterator[Case]:
    for name, data in (*_sizes(), *_scans(), *_kinds(), *_tables(), *_markers()):
        yield Case(f"jpeg: {name}", data)


def _sizes() -> Iterator[tuple[str, bytes]]:
    for width, height in ((65535, 65535), (65535, 1), (1, 65535), (7071, 7071), (65535, 762), (0, 9), (9, 0), (0, 0)):
        yield f"{width}x{height} and no data", plain(frame(width, height), b"\0")
    yield "7071x7071 in colour and no data", plain(frame(7071, 7071, components=3), b"\0")
    yield "height by DNL", plain(frame(16, 0), bytes(8), b"") + segment(_DNL, b"\0\x10") + _EOI
    yield "DNL against the frame", plain(frame(16, 16), bytes(4) + segment(_DNL, b"\xff\xff") + bytes(4))
    yield "two frames, small then large", plain(frame(16, 16) + frame(7000, 7000), bytes(8))
    yield "two frames, large then small", plain(frame(7000, 7000) + frame(16, 16), bytes(8))
    yield "frame behind the scan", plain(frame(16, 16), bytes(8) + frame(60000, 60000) + scan())
    yield (
        "a frame in a thumbnail first",
        plain(segment(0xE1, b"Exif\0\0" + frame(60000, 60000)) + frame(16, 16), bytes(8)),
    )


def _scans() -> Iterator[tuple[str, bytes]]:
    for scans in (2, 99, 100, 5000):
        yield f"progressive, {scans} scans", progressive(64, 64, scans)
    yield "progressive 7000x7000, 98 scans", progressive(7000, 7000, 98)
    yield "progressive 7000x7000, 98 scans, refining", progressive(7000, 7000, 98, refine=True)
    for start, end, bits in ((63, 1, 0), (0, 63, 0), (1, 64, 0), (255, 255, 255), (1, 5, 0xDD), (0, 0, 0x1F)):
        odd = scan(1, start, end, bits) + b"\0"
        yield f"progressive, spectrum {start}-{end}, bits {bits:#x}", progressive(32, 32, 1)[:-2] + odd * 3 + _EOI
    baseline = save(picture(), "JPEG")
    at = baseline.index(b"\xff\xda")
    yield "the whole scan 90 times", baseline[:-2] + (baseline[at:-2]) * 90 + _EOI
    yield "scan of no component", baseline[:at] + segment(_SOS, b"\0\0\x3f\0") + baseline[at + 14 :]
    yield "scan of an unknown component", baseline[:at] + segment(_SOS, b"\1\x99\0\0\x3f\0") + baseline[at + 14 :]
    yield "scan of one component thrice", baseline[:at] + segment(_SOS, b"\3\1\0\1\0\1\0\0\x3f\0") + baseline[at + 14 :]
    yield "no end", baseline[:-2]
    yield "no picture data", baseline[: at + 14] + _EOI
    yield "picture data of ones", baseline[: at + 14] + b"\xff\0" * 5000 + _EOI


def _kinds() -> Iterator[tuple[str, bytes]]:
    for marker in (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        yield f"SOF{marker - 0xC0}", plain(frame(32, 32, marker), bytes(64))
        yield f"SOF{marker - 0xC0} at 5000x5000", plain(frame(5000, 5000, marker), bytes(64))
    arithmetic = segment(_DAC, b"\0\x10\x10\x01")
    yield "arithmetic coding", plain(frame(500, 500, 0xC9), b"\x5a" * 400, arithmetic)
    yield (
        "arithmetic coding, bad conditioning",
        plain(frame(32, 32, 0xC9), b"\x5a" * 40, segment(_DAC, b"\x77\xff" * 40)),
    )
    for depth in (0, 1, 2, 7, 9, 10, 12, 16, 255):
        yield f"{depth} bits", plain(frame(32, 32, 0xC1, depth=depth), bytes(64))
    for components in (0, 2, 3, 4, 5, 10, 255):
        yield f"{components} components", plain(frame(32, 32, components=components), bytes(64))
    for sampling in (0x00, 0x14, 0x41, 0x44, 0x88, 0xFF, 0x33):
        yield f"sampling {sampling:#04x}", plain(frame(32, 32, components=3, sampling=sampling), bytes(64))
    for transform in (0, 1, 2, 3, 255):
        adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
        yield f"Adobe transform {transform} of two", plain(adobe + frame(32, 32, components=2), bytes(64))
        yield f"Adobe transform {transform} of four", plain(adobe + frame(32, 32, components=4), bytes(64))


def _tables() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(5)
    baseline = save(picture(), "JPEG")
    body = baseline[2:]
    for name, table in {
        "codes of no length": segment(_DHT, b"\0" + bytes(16)),
        "too many codes": segment(_DHT, b"\0" + bytes([255] * 16) + bytes(4080)),
        "codes beyond the tree": segment(_DHT, b"\0" + bytes([3, *[0] * 15]) + b"\1\2\3"),
        "DC of 16 bits and more": segment(_DHT, b"\0" + bytes([1, *[0] * 15]) + b"\xff"),
        "Huffman table 15": segment(_DHT, b"\x0f" + bytes([1, *[0] * 15]) + b"\0"),
        "Huffman table of one byte": segment(_DHT, b"\0"),
        "quantisation by zero": segment(_DQT, b"\0" + bytes(64)),
        "quantisation of 16 bits": segment(_DQT, b"\x10" + b"\xff" * 128),
        "quantisation table 15": segment(_DQT, b"\x0f" + bytes(64)),
        "quantisation, precision 15": segment(_DQT, b"\xf0" + bytes(64)),
        "quantisation cut short": segment(_DQT, b"\0" + bytes(10)),
        "restarts each block": segment(_DRI, b"\0\1"),
        "restarts never": segment(_DRI, b"\xff\xff"),
        "restart interval of one byte": segment(_DRI, b"\1"),
    }.items():
        at = baseline.index(b"\xff\xda") - 2
        yield f"{name}, ahead", b"\xff\xd8" + table + body
        yield f"{name}, last", b"\xff\xd8" + body[:at] + table + body[at:]
        yield f"{name}, 2000 times", b"\xff\xd8" + table * 2000 + body
    for number in range(12):
        counts = bytes(chance.randrange(4) for _ in range(16))
        values = chance.randbytes(sum(counts))
        table = segment(_DHT, bytes([chance.choice([0, 1, 0x10, 0x11])]) + counts + values)
        at = baseline.index(b"\xff\xda") - 2
        yield f"random Huffman table {number}", b"\xff\xd8" + body[:at] + table + body[at:]


def _markers() -> Iterator[tuple[str, bytes]]:
    body = save(picture(), "JPEG")[2:]
    for marker in range(0x01, 0x100):
        if marker not in {0xD8, 0xD9, _SOS}:
            yield f"marker {marker:02x} ahead", b"\xff\xd8" + segment(marker, b"\0\1") + body
    hidden = segment(0xE1, b"Exif\0\0" + exif_bomb(4000, 60_000))[:65_000]
    for marker in (0x00, 0x02, 0xBF, 0xC8, 0xD8, 0xDE, 0xDF, 0xF0, 0xF7, 0xFD):
        yield f"EXIF bombs inside marker {marker:02x}", b"\xff\xd8" + segment(marker, hidden) * 40 + body
    restarts = b"".join(bytes([0xFF, 0xD0 + number % 8]) for number in range(40_000))
    yield "40,000 restarts", b"\xff\xd8" + body[:-2] + restarts + _EOI
    yield "restarts ahead", b"\xff\xd8" + restarts[:80] + body
    yield "60,000 fill bytes", b"\xff\xd8" + b"\xff" * 60_000 + body
    yield "49,000 comments", b"\xff\xd8" + segment(0xFE, b"") * 49_000 + body
    yield "60,000 comments", b"\xff\xd8" + segment(0xFE, b"") * 60_000 + body
    yield "1,000 starts", b"\xff\xd8" * 1000 + b"\xff" + body
    yield "300 comments of 64 KiB", b"\xff\xd8" + segment(0xFE, bytes(65_533)) * 300 + body
    yield "400 quantisation tables of 64 KiB", b"\xff\xd8" + segment(_DQT, (b"\0" + b"\1" * 64) * 1000) * 400 + body
