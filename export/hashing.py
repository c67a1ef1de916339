"""sha256 of files, remembered by size and times, so that an unchanged file is read once."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from export.files import write_atomically

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class HashMemory:
    """Remembers the sha256 of files in a small JSON file; losing that file costs nothing but time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._known: dict[str, list[object]] = dict(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = {}

    def sha256(self, path: Path) -> str:
        """The sha256 of ``path``, from memory where its size and times are unchanged.

        The time of the last change of the inode counts too: the one of the content can be set by anybody.
        """
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        remembered = self._known.get(str(path.resolve()))
        if isinstance(remembered, list) and remembered[:-1] == stamp and isinstance(remembered[-1], str):
            return remembered[-1]
        digest = sha256_of(path)
        self._known[str(path.resolve())] = [*stamp, digest]
        with contextlib.suppress(OSError):  # a folder that cannot be written costs another reading next time
            write_atomically(self._file, json.dumps(self._known, indent=1) + "\n")
        return digest
