"""What an archive is found to hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from limner.errors import LimnerError


@dataclass(frozen=True)
class Photo:
    """A JPEG, PNG or WebP by its first bytes.

    Attributes:
        name: path inside the archive, cleaned and unique, with ``/`` between folders.
        data: the encoded file. Whoever receives it wipes it.
    """

    name: str
    data: bytearray = field(repr=False)


@dataclass(frozen=True)
class Refused:
    """Something that is called a photo and cannot be used. It fails alone."""

    name: str
    error: LimnerError


@dataclass(frozen=True)
class Skipped:
    """No photo, and not meant as one; ``reason`` is a plain sentence."""

    name: str
    reason: str


Entry = Photo | Refused | Skipped
