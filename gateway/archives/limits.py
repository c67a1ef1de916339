"""What the unpacking of one archive may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Limits of one archive and of the process that reads it.

    Attributes:
        max_entries: files in it, folders aside.
        max_entry_bytes: unpacked size of one photo.
        max_total_bytes: unpacked size of all photos; in a solid RAR of everything that has to be decoded for them.
        max_ratio: unpacked over packed bytes of an entry of more than 1 MiB. Photos are compressed already and stay
            near 1; deflate cannot exceed 1032.
        max_depth: folders around a photo.
        memory_bytes: address space of the process beyond that of the bare interpreter. The archive is in it once (ZIP)
            or, while it is opened, three times (RAR); then there are the decoder's window and some photos.
        cpu_seconds: computing time of the process, for the whole archive.
        silence_seconds: longest wait for one answer of the process.
    """

    max_entries: int = 1000
    max_entry_bytes: int = 20_000_000
    max_total_bytes: int = 1_000_000_000
    max_ratio: int = 200
    max_depth: int = 16
    memory_bytes: int = 1 << 30
    cpu_seconds: int = 120
    silence_seconds: float = 60.0

    @staticmethod
    def of(settings: Settings) -> Limits:
        return Limits(
            max_entries=settings.max_archive_entries,
            max_entry_bytes=settings.max_upload_bytes,
            max_total_bytes=settings.max_unpacked_bytes,
        )
