"""The colour profile of a gray picture whose file can only say that it is coloured (ICC.1:2001-04)."""

from __future__ import annotations

import struct

_HEADER = 128
_PRIMARIES = {b"rXYZ": (0.4361, 0.2225, 0.0139), b"gXYZ": (0.3851, 0.7169, 0.0971), b"bXYZ": (0.1431, 0.0606, 0.7141)}
"""sRGB's, adapted to D50: they sum up to its white, as those of any colour space do."""


def rgb_from_gray(profile: bytes) -> bytes | None:
    """The profile under which equal red, green and blue look as their gray does under ``profile``.

    For WebP, which stores no gray: not a pixel has to change. None where ``profile`` is broken.
    """
    tags = _tags(profile)
    if b"kTRC" not in tags:
        return None
    kept = {name: tags[name] for name in (b"desc", b"cprt", b"wtpt") if name in tags}
    primaries = {name: _xyz(*place) for name, place in _PRIMARIES.items()}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tags[b"kTRC"])
    start = _HEADER + 4 + 12 * len(every := kept | primaries | curves)
    table, bodies = struct.pack(">I", len(every)), b""
    for name, body in every.items():
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    size = struct.pack(">I", start + len(bodies))
    # Bytes 84 to 99 may hold a checksum, which is no longer right.
    header = size + profile[4:16] + b"RGB XYZ " + profile[24:84] + bytes(44)
    return header + table + bodies


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(profile[_HEADER : _HEADER + 4], "big"), 100)
    table = profile[_HEADER + 4 : _HEADER + 4 + 12 * count]
    entries = struct.iter_unpack(">4sII", table[: len(table) // 12 * 12])
    return {name: profile[start : start + size] for name, start, size in entries if start + size <= len(profile)}


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))
