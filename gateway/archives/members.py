"""An entry as the directory of its archive claims it to be, and what is done with it for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.archives.limits import Limits
from gateway.archives.names import extension_of, leads_out, safe_path
from limner.errors import EncryptedArchive, FileTooLarge, LimnerError, UnsafeArchive, UnsupportedFormat

PHOTOS = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp"})
OTHER_PICTURES = frozenset({"avif", "bmp", "gif", "heic", "heif", "hif", "jp2", "jxl", "svg", "tga", "tif", "tiff"}) | {
    *("arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2")  # of cameras
}
ARCHIVES = frozenset({"7z", "bz2", "cab", "gz", "iso", "lzh", "rar", "tar", "tgz", "xz", "zip", "zst"})

_SMALL_BYTES = 1 << 20
"""An entry that unpacks to no more than this harms nobody, whatever its ratio."""


@dataclass(frozen=True)
class Member:
    """What the directory says of one file.

    Attributes:
        index: place in the archive.
        name: path, decoded but as it stands there.
        size, packed: bytes outside and inside of the archive.
        solid: it can be unpacked only after all those before it.
        special: what it is instead of a file, such as "a link"; None for a file.
    """

    index: int
    name: str
    size: int
    packed: int
    encrypted: bool = False
    solid: bool = False
    special: str | None = None


class Reader(Protocol):
    """An open archive. ``members`` are its files in order, without folders."""

    members: Sequence[Member]

    def expect(self, members: Sequence[Member]) -> None:
        """Say which members will be read, in this order."""

    def read(self, member: Member) -> bytes | bytearray:
        """The unpacked file: ``member.size`` bytes. The limits were checked against that, so not one more is unpacked.

        Raises:
            LimnerError: why this one cannot be had.
        """


def is_called_a_photo(member: Member) -> bool:
    return extension_of(safe_path(member.name)) in PHOTOS


def judge(member: Member, limits: Limits) -> LimnerError | str | None:
    """The error for which a member is refused, the reason why it is passed over, or None: it is to be unpacked.

    An extension other than a picture's settles it. Without an extension the content will tell.
    """
    path = safe_path(member.name)
    reason = _reason_to_skip(member, path)
    return reason if reason is not None else _reason_to_refuse(member, path, limits)


def _reason_to_skip(member: Member, path: str) -> str | None:
    extension = extension_of(path)
    if "__MACOSX" in path.split("/") or member.name.replace("\\", "/").rpartition("/")[2].startswith("._"):
        return "It is a file in which macOS keeps notes of its own."
    if member.special is not None:
        return f"It is {member.special}, not a file."
    if extension in ARCHIVES:
        return "It is an archive inside the archive, which is not opened. Send it on its own."
    if extension and extension not in PHOTOS | OTHER_PICTURES:
        return "It is not a photo."
    return None


def _reason_to_refuse(member: Member, path: str, limits: Limits) -> LimnerError | None:
    if (extension := extension_of(path)) in OTHER_PICTURES:
        return UnsupportedFormat(f"Limner does not read {extension.upper()} files. Send JPEG, PNG or WebP.")
    if leads_out(member.name):
        return UnsafeArchive("Its path leads out of the archive. Pack it again with a path relative to its folder.")
    if path.count("/") > limits.max_depth:
        return UnsafeArchive(f"It lies more than {limits.max_depth} folders deep. Pack it again with fewer folders.")
    if member.encrypted:
        return EncryptedArchive("It is encrypted. Pack it again without a password.")
    return _too_much(member, limits)


def _too_much(member: Member, limits: Limits) -> LimnerError | None:
    if member.size > limits.max_entry_bytes:
        return FileTooLarge(f"The photo is larger than {limits.max_entry_bytes} bytes. Send a smaller one.")
    if not member.solid and member.size > max(_SMALL_BYTES, limits.max_ratio * member.packed):
        # In a solid archive a copy of an earlier photo takes next to nothing.
        return UnsafeArchive(
            f"It unpacks to more than {limits.max_ratio} times its size, which no photo does. Send the original."
        )
    return None
