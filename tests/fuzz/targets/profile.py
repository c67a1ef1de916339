"""The colour profile for a gray picture, made of whatever profile the photo brought."""

from __future__ import annotations

import struct

from ensemble.profile import rgb_from_gray


def seeds() -> list[bytes]:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233)
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0"
    start = 132 + 24
    table = struct.pack(">I4sII4sII", 2, b"kTRC", start, len(curve), b"desc", start + len(curve), len(words))
    head = struct.pack(">I4sI4s4s4s", start + len(curve) + len(words), b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    return [head.ljust(128, b"\0") + table + curve + words, head.ljust(128, b"\0")]


def check(data: bytes) -> None:
    made = rgb_from_gray(data)
    if made is None:
        return
    assert len(made) == int.from_bytes(made[:4], "big")
    assert made[16:24] == b"RGB XYZ "
    assert len(made) <= 7 * len(data) + 512
    for at in range(int.from_bytes(made[128:132], "big")):
        _, start, size = struct.unpack_from(">4sII", made, 132 + 12 * at)
        assert start + size <= len(made)
