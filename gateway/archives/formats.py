"""ZIP or RAR, by the bytes alone.

Follows PKWARE's APPNOTE 4.3 (ZIP) and the RAR technical notes of RARLAB (signatures of RAR 4 and RAR 5).
"""

from __future__ import annotations

import struct
from typing import Literal

from limner.errors import EmptyImage, UnsupportedFormat

ArchiveFormat = Literal["zip", "rar"]

WHAT_TO_SEND = "Send one ZIP or RAR file with JPEG, PNG or WebP photos."

_ZIP_ENTRY, _ZIP_EMPTY, _ZIP_ONE_PART, _ZIP_SPLIT = b"PK\x03\x04", b"PK\x05\x06", b"PK00", b"PK\x07\x08"
_ZIP_END = struct.Struct("<4sHHHHIIH")
_ZIP_TAIL_BYTES = _ZIP_END.size + 65_535  # end record and the longest comment
_RAR = (b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00")
_PROGRAMS = (b"MZ", b"\x7fELF")
_PROGRAM_BYTES = 2 << 20
"""How far into a self-extracting program its archive may begin; RARLAB's own reader looks 1 MiB far."""


def format_of(archive: bytes | bytearray) -> ArchiveFormat:
    """What ``archive`` is. A self-extracting program counts as the archive that it carries.

    Raises:
        EmptyImage: there are no bytes.
        UnsupportedFormat: it is neither, or one part of several.
    """
    if not archive:
        raise EmptyImage(f"The file is empty. {WHAT_TO_SEND}")
    if archive.startswith(_RAR):
        return "rar"
    if archive.startswith((_ZIP_ENTRY, _ZIP_EMPTY, _ZIP_ONE_PART)):
        return "zip"
    end = _zip_end(archive)
    if archive.startswith(_ZIP_SPLIT) or (end is not None and end[1] not in {0, 0xFFFF}):
        raise split_archive()
    if archive.startswith(_PROGRAMS):
        if any(archive.find(signature, 0, _PROGRAM_BYTES) >= 0 for signature in _RAR):
            return "rar"
        if end is not None:
            return "zip"
    raise UnsupportedFormat(f"This is neither a ZIP nor a RAR archive. {WHAT_TO_SEND}")


def split_archive() -> UnsupportedFormat:
    return UnsupportedFormat("This is one part of a split archive. Pack the photos into one whole ZIP or RAR.")


def _zip_end(archive: bytes | bytearray) -> tuple[int, ...] | None:
    """The fields of the end of central directory record (APPNOTE 4.3.16), or None where there is none."""
    position = archive.rfind(_ZIP_EMPTY, max(0, len(archive) - _ZIP_TAIL_BYTES))
    if position < 0 or position + _ZIP_END.size > len(archive):
        return None
    fields: tuple[int, ...] = _ZIP_END.unpack_from(archive, position)
    return fields
