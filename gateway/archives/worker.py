"""The process that unpacks one archive: ``python -I -m gateway.archives.worker``, with its parent on 0 and 1.

It reads :mod:`gateway.archives.frames` from standard input and answers on standard output. It ends when its input
does, when it is killed, or when a limit is reached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from gateway.archives.confine import confine, hide
from gateway.archives.entries import Photo
from gateway.archives.formats import ArchiveFormat
from gateway.archives.frames import NEXT, SIZES, Head, framed, head_of, head_of_error, parsed
from gateway.archives.limits import Limits
from gateway.archives.walk import Walk, open_reader
from limner.errors import ArchiveTooLarge, DamagedArchive, InputError

Answer = tuple[Head, "bytes | bytearray"]


def main() -> None:
    hide()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    head_bytes, archive_bytes = SIZES.unpack(source.read(SIZES.size))
    head = parsed(source.read(head_bytes))
    archive_format: ArchiveFormat = "rar" if head["format"] == "rar" else "zip"
    limits = Limits(**head["limits"])  # type: ignore[arg-type]
    prepare(archive_format)
    confine(limits.memory_bytes, limits.cpu_seconds)
    try:
        answers = told(source.read(archive_bytes), archive_format, limits)
    except MemoryError:
        os.abort()  # as a library does that is out of memory
    while source.read(1) == NEXT:
        answer = next(answers, None)
        if answer is None:
            return
        send(sink, *answer)


def prepare(archive_format: ArchiveFormat) -> None:
    """Import what is imported at its first use otherwise, when no file can be opened any more."""
    for encoding in ("gb18030", "cp437", "ascii"):
        "".encode(encoding)
    if archive_format == "zip":
        import gateway.archives.zips  # noqa: PLC0415
    else:
        import gateway.archives.rar_files  # noqa: F401, PLC0415


def told(archive: bytes, archive_format: ArchiveFormat, limits: Limits) -> Iterator[Answer]:
    """The total, then each entry; or why the archive cannot be used, or not any further."""
    try:
        walk = Walk(open_reader(archive, archive_format, limits), limits)
        del archive  # the reader has it now
        yield {"total": walk.total}, b""
        for entry in walk:
            yield head_of(entry), entry.data if isinstance(entry, Photo) else b""
    except InputError as error:
        yield head_of_error(error), b""
    except MemoryError:
        yield head_of_error(ArchiveTooLarge("The archive takes more memory than it may. Split it into several.")), b""
    except Exception:  # a library met something that nobody has thought of
        yield head_of_error(DamagedArchive("The archive is damaged. Pack the photos again.")), b""


def send(sink: BinaryIO, head: Head, data: bytes | bytearray) -> None:
    sink.write(framed(head, len(data)))
    sink.write(data)
    sink.flush()


if __name__ == "__main__":
    main()
