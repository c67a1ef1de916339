"""Archives to read, good and evil, made from scratch."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable

import rars

JPEG = b"\xff\xd8\xff\xe0"


def photo(seed: int = 0, size: int = 2000) -> bytes:
    """Bytes that begin as a JPEG does and cannot be compressed."""
    return JPEG + random.Random(seed).randbytes(size - len(JPEG))


def zip_of(entries: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        for name, data in entries:
            info = zipfile.ZipInfo(name) if isinstance(name, str) else name
            info.filename = info.orig_filename = name if isinstance(name, str) else info.filename
            packed.writestr(info, data, method)
    return bytearray(buffer.getvalue())


def zip_with_raw_names(entries: Iterable[tuple[bytes, bytes, bytes]], flags: int = 0) -> bytearray:
    """A stored ZIP whose names are bytes without a word on their encoding: name, extra field, data."""
    body, directory, count = bytearray(), bytearray(), 0
    for name, extra, data in entries:
        fields = struct.pack(
            "<HHHHHIIIHH", 20, flags, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), len(extra)
        )
        directory += b"PK\x01\x02" + b"\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\x03\x04" + fields + name + extra + data
        count += 1
    return body + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)


def overlapping_zip(files: int = 250, unpacked: int = 21_000_000, *, quoted: bool = True) -> bytearray:
    """D. Fifield's bomb: every file is one kernel of zeros, of which the archive holds a single copy.

    ``quoted``: each file begins with a stored block of deflate that quotes the local header of the next file, so
    that all headers are in order. Otherwise all entries share one local header. CRCs are left 0.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = b"".join(packer.compress(bytes(1 << 20)) for _ in range(unpacked >> 20)) + packer.flush()
    names = [b"%03d.jpg" % (number if quoted else 0) for number in range(files)]

    def fields(name: bytes, packed: int, size: int) -> bytes:
        return struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, 0, packed, size, len(name), 0)

    body, size, parts = kernel, (unpacked >> 20) << 20, []
    starts: list[tuple[bytes, int]] = []
    header = b"PK\x03\x04" + fields(names[-1], len(body), size) + names[-1]
    parts.append((names[-1], fields(names[-1], len(body), size)))
    body = header + body
    starts.append((names[-1], len(body)))
    for name in reversed(names[:-1]):
        if quoted:
            quote = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF)
            body, size = quote + body, size + len(header)
            header = b"PK\x03\x04" + fields(name, len(body), size) + name
            parts.append((name, fields(name, len(body), size)))
            body = header + body
        else:
            parts.append((name, parts[0][1]))
        starts.append((name, len(body)))
    directory = b"".join(
        b"PK\x01\x02\x14\0" + entry + struct.pack("<HHHII", 0, 0, 0, 0, len(body) - start) + name
        for (name, entry), (_, start) in zip(reversed(parts), reversed(starts), strict=True)
    )
    return bytearray(
        body + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, files, files, len(directory), len(body), 0)
    )


def rar_of(entries: Iterable[tuple[str, bytes]], version: str = "rar50", **options: object) -> bytearray:
    builder = rars.RarBuilder(format=version, **options)
    for name, data in entries:
        builder.add_bytes(data, name)
    return bytearray(builder.to_bytes())


def renamed_in_rar(archive: bytearray, old: bytes, new: bytes) -> bytearray:
    """Another name of the same length for an entry, under a header checksum that fits."""
    at = archive.find(old)
    archive[at : at + len(new)] = new
    return with_fresh_checksums(archive)


def with_fresh_checksums(archive: bytearray) -> bytearray:
    """A RAR whose headers pass their checksums, as far as one leads to the next, whatever was done to them."""
    position = 8 if archive[6] else 7
    while position + 13 < len(archive):
        try:
            start, end, following = _rar_block(archive, position)
        except (IndexError, struct.error):
            break
        crc = zlib.crc32(archive[start:end])
        archive[position:start] = struct.pack("<I", crc) if archive[6] else struct.pack("<H", crc & 0xFFFF)
        position = max(following, position + 7)
    return archive


def _rar_block(archive: bytearray, position: int) -> tuple[int, int, int]:
    """Where the checked part of a block's header begins and ends, and where the next block begins."""
    if not archive[6]:
        flags, size = struct.unpack_from("<HH", archive, position + 3)
        (added,) = struct.unpack_from("<I", archive, position + 7) if flags & 0x8000 else (0,)
        return position + 2, position + size, position + size + added
    size, at = _vint(archive, position + 4)
    end = at + size
    _, at = _vint(archive, at)
    flags, at = _vint(archive, at)
    if flags & 1:
        _, at = _vint(archive, at)
    added = _vint(archive, at)[0] if flags & 2 else 0
    return position + 4, end, end + added


def _vint(archive: bytearray, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        value |= (archive[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not archive[at - 1] & 0x80:
            return value, at
