"""Names of entries: decoded before anything splits them, cleaned, made unique.

Nothing is ever written under these names here; they are what the result archive is unpacked under on somebody's
computer, so they hold what every file system takes.
"""

from __future__ import annotations

import re
import unicodedata

MAX_PART_BYTES = 200
"""Of a folder's or file's name in UTF-8. File systems take 255; what is added to it needs room."""

MAX_EXTENSION_CHARACTERS = 10
UNNAMED = "unnamed"

_DRIVE = re.compile(r"\s*[A-Za-z]:")
_NOT_ON_WINDOWS = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def decoded(raw: bytes) -> str:
    """A name that does not say how it is encoded: UTF-8 where it is that, else GB 18030.

    Chinese Windows writes the latter. Hardly any GB 18030 text is UTF-8 by chance, while macOS writes UTF-8 without
    saying so.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")


def leads_out(name: str) -> bool:
    """Whether the path is absolute, names a drive, or climbs with ``..``."""
    parts = name.replace("\\", "/").split("/")
    return (len(parts) > 1 and not parts[0]) or bool(_DRIVE.match(name)) or any(part.strip() == ".." for part in parts)


def is_folder(name: str) -> bool:
    return name.endswith(("/", "\\"))


def safe_path(name: str) -> str:
    """``name`` with ``/`` between its parts, and without what hides, misleads or leads out. Never empty."""
    parts = (_safe_part(part) for part in name.replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part) or UNNAMED


def extension_of(path: str) -> str:
    """Extension of a safe path in lower case, without the dot; empty where there is none."""
    return path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""


def _safe_part(part: str) -> str:
    # Categories C* are control, format (such as right-to-left override), surrogate and unassigned characters.
    clean = "".join(
        character
        for character in unicodedata.normalize("NFC", part)
        if unicodedata.category(character)[0] != "C" and unicodedata.category(character) not in {"Zl", "Zp"}
    )
    clean = clean.translate(_NOT_ON_WINDOWS).strip(" .")
    if _WINDOWS_DEVICE.match(clean):
        clean = f"_{clean}"
    return _shortened(clean)


def _shortened(part: str) -> str:
    if len(part.encode()) <= MAX_PART_BYTES:
        return part
    stem, dot, extension = part.rpartition(".")
    if not stem or len(extension) > MAX_EXTENSION_CHARACTERS:
        stem, dot, extension = part, "", ""
    room = MAX_PART_BYTES - len(f"{dot}{extension}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(' .')}{dot}{extension}"


class UniqueNames:
    """Gives out names once: the second ``a.jpg`` is ``a (2).jpg``, and ``A.JPG`` counts as the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, name: str) -> str:
        """A safe, unique path for ``name``."""
        path = safe_path(name)
        key = path.casefold()
        unique, number = path, self._last.get(key, 1)
        stem, dot, extension = path.rpartition(".")
        if not stem or "/" in extension:
            stem, dot, extension = path, "", ""
        while unique.casefold() in self._taken:
            number += 1
            unique = f"{stem} ({number}){dot}{extension}"
        self._last[key] = number
        self._taken.add(unique.casefold())
        return unique
