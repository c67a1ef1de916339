"""Writing files so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

from limner.errors import ExportError


class CannotWrite(ExportError):
    """The disk is full or may not be written to: the next export would fail in the same way."""


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
