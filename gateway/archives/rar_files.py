"""Reading a RAR 4, RAR 5 or RAR 7, solid ones too, with ``rars``, which is Rust and keeps everything in memory."""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Sequence

import rars

from gateway.archives.formats import split_archive
from gateway.archives.limits import Limits
from gateway.archives.members import Member
from gateway.archives.names import decoded
from limner.errors import (
    ArchiveTooLarge,
    DamagedArchive,
    EncryptedArchive,
    FileTooLarge,
    LimnerError,
    UnsupportedFormat,
)

_AT_ONCE_BYTES = 128 << 20
"""Photos of a solid archive that are decoded in one go: each go begins at the archive's start again."""

_DICTIONARY_BYTES = 256 << 20  # RAR's own default is 32 MiB
_HEADERS_BESIDE_ENTRIES = 64
_FOLDERS_PER_ENTRY = 2
_HEADER_BYTES = 64 << 20
_UNIX_SYSTEMS = {"rar15_40": 3, "rar50_plus": 1}


class RarReader:
    """See :class:`gateway.archives.members.Reader`.

    Raises:
        DamagedArchive: its headers cannot be read to the end.
        EncryptedArchive: even the names need a password.
        ArchiveTooLarge: it lists more entries than are taken.
        UnsupportedFormat: it is one part of several, or of a kind that ``rars`` does not know.
    """

    def __init__(self, archive: bytes, limits: Limits) -> None:
        self._options = rars.ReadOptions(
            max_member_output_bytes=limits.max_total_bytes,  # of those before it in a solid archive; see read()
            max_total_output_bytes=limits.max_total_bytes,
            max_header_count=limits.max_entries * (1 + _FOLDERS_PER_ENTRY) + _HEADERS_BESIDE_ENTRIES,
            max_header_bytes=_HEADER_BYTES,
            rar50_dictionary_size_limit=_DICTIONARY_BYTES,
        )
        try:
            self._rar = rars.RarFile.from_bytes(archive, options=self._options)
            self._infos = self._rar.infolist()
        except rars.PasswordRequired:
            raise EncryptedArchive("The RAR is encrypted. Pack the photos again without a password.") from None
        except MemoryError:  # a limit of the options, too
            raise ArchiveTooLarge("The RAR has too many entries. Send the photos in several archives.") from None
        except rars.UnsupportedRarFeature:
            raise UnsupportedFormat("This RAR is of a kind that is not read here. Pack the photos as a ZIP.") from None
        except BaseException:  # a panic of Rust is no Exception
            raise DamagedArchive("The RAR breaks off or is damaged. Pack it again.") from None
        if any(info.is_split_before or info.is_split_after for info in self._infos):
            raise split_archive()
        self._solid = _is_solid(archive, self._rar, self._infos)
        unix = _UNIX_SYSTEMS.get(self._rar.family)
        self.members: Sequence[Member] = [
            _member(index, info, unix, self._solid) for index, info in enumerate(self._infos) if not info.is_dir()
        ]
        self._expected: deque[Member] = deque()
        self._ready: dict[int, bytes] = {}
        self._most_at_once = len(self.members)
        self._broken: DamagedArchive | None = None

    def expect(self, members: Sequence[Member]) -> None:
        self._expected.extend(members)

    def read(self, member: Member) -> bytes:
        if not self._solid:
            return self._decode([member])[0]
        while member.index not in self._ready:
            self._decode_on(member)
        return self._ready.pop(member.index)

    def _decode_on(self, member: Member) -> None:
        """Decode as many of the expected photos as go at once, ``member`` first. Damage halves the number.

        Raises:
            LimnerError: ``member`` itself, or one before it, is damaged.
        """
        if self._broken is not None:  # nor can anything that comes later
            raise self._broken
        while self._expected and self._expected[0].index < member.index:
            self._expected.popleft()
        batch, size = [member], member.size
        for following in list(self._expected)[1:]:
            size += following.size
            if size > _AT_ONCE_BYTES or len(batch) >= self._most_at_once:
                break
            batch.append(following)
        try:
            decoded_files = self._decode(batch)
        except LimnerError as error:
            if len(batch) == 1:
                self._broken = error if isinstance(error, DamagedArchive) else None
                raise
            self._most_at_once = len(batch) // 2
            return
        self._ready = {item.index: data for item, data in zip(batch, decoded_files, strict=True)}

    def _decode(self, members: Sequence[Member]) -> list[bytes]:
        try:
            files: list[bytes] = self._rar.read_many(
                [self._infos[member.index] for member in members], options=self._options
            )
        except BaseException as error:  # a panic of Rust is no Exception
            raise _told(error) from None
        if any(len(data) != member.size for data, member in zip(files, members, strict=True)):
            raise _told(EOFError())
        return files


def _is_solid(archive: bytes, rar: rars.RarFile, infos: Sequence[rars.RarInfo]) -> bool:
    """RAR 4 may say so of the archive alone (flag 8 of its first header), and stored entries of theirs say nothing."""
    old = rar.family == "rar15_40"
    return any(info.is_solid for info in infos) or (old and bool(archive[rar.sfx_offset + 10] & 8))


def _told(error: BaseException) -> LimnerError:
    if isinstance(error, MemoryError):
        return FileTooLarge("Unpacking it takes more memory than it may. Pack it again as an ordinary ZIP.")
    if isinstance(error, rars.PasswordRequired):
        return EncryptedArchive("It is encrypted. Pack it again without a password.")
    if isinstance(error, rars.UnsupportedRarFeature):
        return UnsupportedFormat("Its method of packing is not read here. Pack it as an ordinary ZIP.")
    if isinstance(error, KeyError):
        return UnsupportedFormat("It points to another entry instead of having content of its own. Pack it again.")
    return DamagedArchive("It, or what it builds on, is damaged inside the archive. Pack it again from the original.")


def _member(index: int, info: rars.RarInfo, unix: int | None, solid: bool) -> Member:
    kind = stat.S_IFMT(info.file_attr or 0) if info.host_os == unix else 0
    special = None
    if kind not in {0, stat.S_IFREG}:
        special = "a link" if kind == stat.S_IFLNK else "a device or a folder"
    return Member(
        index,
        _name_of(info),
        info.file_size or 0,
        info.compress_size or 0,
        encrypted=bool(info.is_encrypted),
        solid=solid,
        special=special,
    )


def _name_of(info: rars.RarInfo) -> str:
    """RAR 5 and later know UTF-8 only; RAR 4 without its Unicode form leaves the encoding open."""
    raw = info.orig_filename_bytes
    name: str = info.filename
    return name if b"\0" in raw or name.encode("utf-8", "surrogatepass") == raw else decoded(raw)
