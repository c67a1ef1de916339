"""The orientation out of EXIF data, without making an object of anything else there (CIPA DC-008, TIFF 6.0).

Entries may overlap and claim any length. Pillow copies what each of them claims: 2 MB became 1 TB that way.
"""

from __future__ import annotations

import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_ENTRY_BYTES = 12


def orientation_of(exif: bytes) -> int:
    """Orientation 1..8; 1 where none is said or ``exif`` cannot be read.

    XMP's word does not count where EXIF has none: browsers and OpenCV do not go by it either.

    Args:
        exif: a TIFF file, with or without ``Exif`` and two zeros ahead of it.
    """
    tiff = memoryview(exif)[len(_PREFIX) if exif.startswith(_PREFIX) else 0 :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(tiff[:4]))
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    entries = tiff[start + 2 :][: count * _ENTRY_BYTES]
    for tag, kind, values, value in struct.iter_unpack(
        f"{order}HHI4s", entries[: len(entries) // _ENTRY_BYTES * _ENTRY_BYTES]
    ):
        if tag == _ORIENTATION and kind in {_SHORT, _LONG} and values == 1:
            (orientation,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", value)
            return orientation if 1 <= orientation <= 8 else 1
    return 1
