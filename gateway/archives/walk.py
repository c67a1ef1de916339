"""An archive from its first entry to its last: what each is, unpacked where it is a photo."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.archives.entries import Entry, Photo, Refused, Skipped
from gateway.archives.formats import ArchiveFormat
from gateway.archives.limits import Limits
from gateway.archives.members import Member, Reader, is_called_a_photo, judge
from limner.errors import (
    ArchiveTooLarge,
    DamagedImage,
    EmptyImage,
    EncryptedArchive,
    LimnerError,
    NoPhotos,
    UnsupportedFormat,
)
from limner.header import read_header

_HEADER_BYTES = 32  # what tells the format of a photo


def open_reader(archive: bytes, archive_format: ArchiveFormat, limits: Limits) -> Reader:
    """The reader for ``archive``. Each is imported only where it is needed, since the process starts for one archive.

    Raises:
        InputError: the archive as a whole cannot be used.
    """
    if archive_format == "zip":
        from gateway.archives.zips import ZipReader  # noqa: PLC0415

        return ZipReader(archive)
    from gateway.archives.rar_files import RarReader  # noqa: PLC0415

    return RarReader(archive, limits)


class Walk:
    """The entries of an archive, under the names that they have in it, which are not to be trusted.

    ``total`` is how many there will be. Raises on being made:
        InputError: nothing in it may be a photo, or all photos are encrypted.
        ArchiveTooLarge: more files, or more bytes once unpacked, than are taken.
    """

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._members = list(reader.members)
        self.total = len(self._members)
        if self.total > limits.max_entries:
            raise ArchiveTooLarge(
                f"The archive has {self.total} files; up to {limits.max_entries} are taken. Split it into several."
            )
        self._verdicts = [judge(member, limits) for member in self._members]
        wanted = [member for member, verdict in zip(self._members, self._verdicts, strict=True) if verdict is None]
        self._refuse_the_useless(wanted)
        solid = any(member.solid for member in wanted)
        if sum(member.size for member in (self._members if solid else wanted)) > limits.max_total_bytes:
            raise ArchiveTooLarge(
                f"The archive unpacks to more than {limits.max_total_bytes} bytes. Split it into several."
            )
        reader.expect(wanted)

    def _refuse_the_useless(self, wanted: list[Member]) -> None:
        if wanted:
            return
        errors = [verdict for verdict in self._verdicts if isinstance(verdict, LimnerError)]
        if not errors:
            raise NoPhotos("The archive holds no photo. Pack JPEG, PNG or WebP photos into it.")
        if all(isinstance(error, EncryptedArchive) for error in errors):
            raise EncryptedArchive("The archive is encrypted. Pack the photos again without a password.")

    def __iter__(self) -> Iterator[Entry]:
        for member, verdict in zip(self._members, self._verdicts, strict=True):
            if isinstance(verdict, str):
                yield Skipped(member.name, verdict)
            elif verdict is not None:
                yield Refused(member.name, verdict)
            else:
                yield self._unpack(member)

    def _unpack(self, member: Member) -> Entry:
        try:
            data = self._reader.read(member)
        except LimnerError as error:
            return Refused(member.name, error)
        refusal = _not_a_photo(data[:_HEADER_BYTES])
        if refusal is None:
            return Photo(member.name, data if isinstance(data, bytearray) else bytearray(data))
        if is_called_a_photo(member):
            return Refused(member.name, refusal)
        return Skipped(member.name, "It is not a photo.")


def _not_a_photo(start: bytes | bytearray) -> LimnerError | None:
    """Why something that begins like this is no photo, whatever its name; its decoder finds all other faults."""
    try:
        read_header(bytes(start))
    except (EmptyImage, UnsupportedFormat) as error:
        return error
    except DamagedImage:
        pass
    return None
