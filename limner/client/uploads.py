"""What is sent: a path, bytes or a file object, with the name that the server is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Upload = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path (``str`` or path object), the encoded bytes, or a file opened for reading bytes, which is read to its end."""

NAMELESS = "photo"


@contextmanager
def opened(upload: Upload, filename: str | None) -> Iterator[tuple[str, bytes | BinaryIO]]:
    """Name and content. A file named by its path is read while it is sent, again for each attempt.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(upload, (bytes, bytearray, memoryview)):
        yield _sent_name(filename or NAMELESS), bytes(upload)
    elif isinstance(upload, (str, os.PathLike)):
        path = Path(upload)
        with path.open("rb") as file:
            yield _sent_name(filename or path.name), file
    else:
        own = getattr(upload, "name", None)  # of a file opened by number, an int
        name = filename or (Path(own).name if isinstance(own, str) else NAMELESS)
        yield _sent_name(name), upload.read()


def _sent_name(name: str) -> str:
    """``name`` as UTF-8 can hold it: bytes of a file system that are no characters become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")
