"""Every segment or chunk of every good photo, spoilt in every way that does not depend on what it is."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from typing import Literal

from tests.fuzz.corpus.bases import bases
from tests.fuzz.corpus.case import Case

Span = tuple[int, int]


def cases(seed: int = 0) -> Iterator[Case]:
    """Cut at each boundary and around it; pieces dropped, doubled, exchanged, emptied, renamed, of lying length."""
    chance = random.Random(seed)
    for base in bases():
        spans = pieces(base.data)
        yield from _cuts(base, spans)
        yield from _moves(base, spans)
        for number, span in enumerate(spans):
            for what, data in _spoilt(base.data, span, chance):
                yield Case(f"{base.name}, piece {number}: {what}", data)
                if base.data.startswith(b"\x89PNG"):
                    yield Case(f"{base.name}, piece {number}: {what}, sums put right", with_sums(data))
        for number in range(40):
            yield Case(f"{base.name}, random {number}", _random(base.data, chance))


def pieces(data: bytes) -> list[Span]:
    """Start and end of each segment or chunk of a good photo, picture data with what leads to it."""
    if data.startswith(b"\xff\xd8"):
        return _segments(data)
    order, size_at, beside = (">I", 0, 12) if data.startswith(b"\x89PNG") else ("<I", 4, 8)
    position, found = 8 if beside == 12 else 12, []
    while position < len(data):
        size: int = struct.unpack_from(order, data, position + size_at)[0]
        end = position + beside + size + (size % 2 if beside == 8 else 0)
        found.append((position, end))
        position = end
    return found


def _segments(data: bytes) -> list[Span]:
    position, found = 2, []
    while position < len(data) - 2:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] == 0xDA:
            while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
                end += 1
        found.append((position, end))
        position = end
    return found


def with_sums(png: bytes) -> bytes:
    """A PNG whose chunks have the right CRC, as far as one leads to the next."""
    made, position = bytearray(png), 8
    while position + 12 <= len(made):
        end = position + 12 + int.from_bytes(made[position : position + 4], "big")
        if end > len(made):
            break
        made[end - 4 : end] = struct.pack(">I", zlib.crc32(made[position + 4 : end - 4]))
        position = end
    return bytes(made)


def _cuts(base: Case, spans: list[Span]) -> Iterator[Case]:
    places = {at + shift for start, end in spans for at in (start, (start + end) // 2, end) for shift in (-1, 0, 1, 5)}
    for at in sorted(place for place in places if 0 < place < len(base.data)):
        yield Case(f"{base.name}, cut at {at}", base.data[:at])


def _moves(base: Case, spans: list[Span]) -> Iterator[Case]:
    data = base.data
    for number, (start, end) in enumerate(spans):
        piece = data[start:end]
        yield Case(f"{base.name}, piece {number} left out", data[:start] + data[end:])
        yield Case(f"{base.name}, piece {number} doubled", data[:end] + piece + data[end:])
        yield Case(f"{base.name}, piece {number} 500 times", data[:end] + piece * 500 + data[end:])
        yield Case(
            f"{base.name}, piece {number} first", data[: spans[0][0]] + piece + data[spans[0][0] : start] + data[end:]
        )
        yield Case(f"{base.name}, piece {number} last", data[:start] + data[end:] + piece)


def _spoilt(data: bytes, span: Span, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    start, end = span
    jpeg, png = data.startswith(b"\xff\xd8"), data.startswith(b"\x89PNG")
    size_at, width = (start + 2, 2) if jpeg else (start, 4) if png else (start + 4, 4)
    body_at, kind_at = size_at + width + (4 if png else 0), start + 1 if jpeg else start + 4 if png else start
    order: Literal["little", "big"] = "little" if data.startswith(b"RIFF") else "big"
    size = int.from_bytes(data[size_at : size_at + width], order)
    most = (1 << 8 * width) - 1
    for lie in {0, 1, 2, 3, size - 1, size + 1, size * 2, size + 1000, most, most // 2, most // 2 + 1, len(data)}:
        if 0 <= lie <= most:
            yield f"length {lie}", data[:size_at] + lie.to_bytes(width, order) + data[size_at + width :]
    body_end = end - (4 if png else 0)
    for name, fill in (("zeros", b"\0"), ("ones", b"\xff"), ("7f", b"\x7f")):
        yield f"all {name}", data[:body_at] + fill * (body_end - body_at) + data[body_end:]
    yield "random body", data[:body_at] + chance.randbytes(body_end - body_at) + data[body_end:]
    for at in {*range(body_at, min(body_at + 24, body_end)), *chance.sample(range(start, end), min(6, end - start))}:
        for value in {0, 0xFF, data[at] ^ 1 << chance.randrange(8)} - {data[at]}:
            yield f"byte {at - start} = {value}", data[:at] + bytes([value]) + data[at + 1 :]
    yield "kind changed", data[:kind_at] + bytes([data[kind_at] ^ 0x20]) + data[kind_at + 1 :]


def _random(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice([1, 3, 10, 50])):
        made[chance.randrange(len(made))] = chance.choice([0, 255, chance.randrange(256)])
    if chance.random() < 0.3:
        start, length = chance.randrange(len(made)), chance.randrange(200)
        made[start : start + length] = made[start : start + length] * chance.choice([0, 2, 30])
    return bytes(made)
