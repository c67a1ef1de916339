"""Reading a ZIP with the standard library, whose trust in the file ends at the checks made here.

Follows PKWARE's APPNOTE 6.3 and, for names, Info-ZIP's Unicode Path field (0x7075). Against overlapping entries see
D. Fifield, "A better zip bomb", USENIX WOOT 2019; Python looks for them only since 3.11.8.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Final

from gateway.archives.formats import split_archive
from gateway.archives.members import Member
from gateway.archives.names import decoded, is_folder
from limner.errors import (
    ArchiveTooLarge,
    DamagedArchive,
    EncryptedArchive,
    FileTooLarge,
    LimnerError,
    UnsafeArchive,
    UnsupportedFormat,
)

_CHUNK_BYTES = 1 << 18
_MOST_LISTED = 65_535  # what a ZIP without 64-bit fields can list, folders included
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_LOCAL_HEADER: Final = struct.Struct("<26xHH")  # lengths of name and extra field
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_UNICODE_PATH = 0x7075
_UNIX_SYSTEMS = frozenset({3, 19})


class ZipReader:
    """See :class:`gateway.archives.members.Reader`.

    Raises:
        DamagedArchive: its directory cannot be read.
        ArchiveTooLarge: the directory is longer than that of any batch.
        UnsafeArchive: entries overlap.
        UnsupportedFormat: it is one part of several.
    """

    def __init__(self, archive: bytes) -> None:
        if archive.count(_CENTRAL_SIGNATURE) > _MOST_LISTED:  # before the library makes an object of each
            raise ArchiveTooLarge("The archive has far too many entries. Send the photos in several archives.")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(archive))
        except MemoryError:
            raise
        except Exception:  # whatever the library trips over: BadZipFile, struct.error, UnicodeDecodeError, ...
            raise DamagedArchive("The ZIP breaks off or its directory is damaged. Pack it again.") from None
        self._infos = self._zip.infolist()
        if any(info.volume not in {0, 0xFFFF} for info in self._infos):
            raise split_archive()
        _refuse_overlaps(archive, self._infos, self._zip.start_dir)
        members = (_member(index, info) for index, info in enumerate(self._infos))
        self.members: Sequence[Member] = [member for member in members if member is not None]

    def expect(self, members: Sequence[Member]) -> None:
        """Each is read on its own."""

    def read(self, member: Member) -> bytearray:
        data = bytearray()
        try:
            with self._zip.open(self._infos[member.index]) as packed:
                while chunk := packed.read(_CHUNK_BYTES):
                    data += chunk
                    if len(data) > member.size:
                        break
        except Exception as error:
            raise _told(error) from None
        if len(data) != member.size:
            raise _told(EOFError())
        return data


def _told(error: Exception) -> LimnerError:
    if isinstance(error, MemoryError):
        return FileTooLarge("Unpacking it takes more memory than it may. Pack it again as an ordinary ZIP.")
    if isinstance(error, NotImplementedError):
        return UnsupportedFormat("Its method of packing is not read here. Pack it as an ordinary ZIP (Deflate).")
    if isinstance(error, RuntimeError):
        return EncryptedArchive("It is encrypted. Pack it again without a password.")
    return DamagedArchive("It is damaged inside the archive. Pack it again from the original.")


def _refuse_overlaps(archive: bytes, infos: Sequence[zipfile.ZipInfo], directory: int) -> None:
    """Every entry has bytes of its own, from its local header to the end of its data, in front of the directory."""
    free = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        start = info.header_offset
        if start < free:
            raise UnsafeArchive("Entries of the archive overlap, which only harmful ones do. Pack the photos again.")
        if 0 <= start <= len(archive) - _LOCAL_HEADER.size:
            name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(archive, start)
            free = start + _LOCAL_HEADER.size + name_bytes + extra_bytes + info.compress_size
    if free > directory:
        raise DamagedArchive("An entry of the ZIP runs into its directory. Pack the photos again.")


def _member(index: int, info: zipfile.ZipInfo) -> Member | None:
    """None for a folder."""
    name = _name_of(info)
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system in _UNIX_SYSTEMS else 0
    special = None
    if is_folder(name) or kind == stat.S_IFDIR:
        if not info.file_size:
            return None
        special = "a folder"
    elif kind not in {0, stat.S_IFREG}:
        special = "a link" if kind == stat.S_IFLNK else "a device"
    return Member(
        index, name, info.file_size, info.compress_size, encrypted=bool(info.flag_bits & _ENCRYPTED), special=special
    )


def _name_of(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")  # as which the library has read it; it covers all 256 bytes
    return _unicode_path(info.extra, raw) or decoded(raw)


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in a field 0x7075 (version, CRC-32 of the plain name, UTF-8), which counts only while the CRC fits."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            if int.from_bytes(field[1:5], "little") != zlib.crc32(raw):
                return None
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None
