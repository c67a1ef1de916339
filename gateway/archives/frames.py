"""What goes between the gateway and the process that unpacks: a JSON head and, with some, raw bytes.

On the wire: length of the head and length of the bytes (two big-endian 32-bit numbers), the head, the bytes. The
gateway begins with the limits and the archive. Then it sends the byte ``NEXT`` for each further answer: the total,
first, and one entry a time. The process may be in a stranger's hands, so the gateway believes nothing that it sends.
"""

from __future__ import annotations

import json
import struct
import unicodedata
from typing import Final

from gateway.archives.entries import Entry, Photo, Refused, Skipped
from limner.errors import BY_TYPE, InputError, LimnerError

SIZES: Final = struct.Struct("!II")
NEXT: Final = b"n"
MAX_HEAD_BYTES: Final = 32_768
MAX_NAME_CHARACTERS: Final = 4096
MAX_TEXT_CHARACTERS: Final = 300

Head = dict[str, object]


class Violation(Exception):
    """The other side does not keep to this protocol."""


def framed(head: Head, size: int = 0) -> bytes:
    """Lengths and head of a frame; its ``size`` bytes are sent after it."""
    encoded = json.dumps(head, separators=(",", ":")).encode("ascii")
    return SIZES.pack(len(encoded), size) + encoded


def parsed(encoded: bytes | bytearray) -> Head:
    """The head of a frame.

    Raises:
        Violation: it is no JSON object.
    """
    try:
        head = json.loads(encoded)
    except (ValueError, RecursionError):
        raise Violation from None
    if not isinstance(head, dict):
        raise Violation
    return head


def head_of(entry: Entry) -> Head:
    name = entry.name[:MAX_NAME_CHARACTERS]
    if isinstance(entry, Photo):
        return {"photo": name}
    if isinstance(entry, Refused):
        return {"refused": name, **head_of_error(entry.error)}
    return {"skipped": name, "reason": entry.reason}


def head_of_error(error: LimnerError) -> Head:
    return {"error": error.type, "message": error.message}


def error_of(head: Head) -> LimnerError:
    """The error that a head tells of; only such as blame the input are believed.

    Raises:
        Violation: it tells of none.
    """
    kind = BY_TYPE.get(_text(head, "error"))
    if kind is None or not issubclass(kind, InputError):
        raise Violation
    return kind(_text(head, "message"))


def entry_of(head: Head, data: bytearray) -> Entry:
    """The entry that a frame tells of, under the name that the archive gives it.

    Raises:
        Violation: it tells of none, or bytes come with it that should not.
    """
    if "photo" in head and data:
        return Photo(_text(head, "photo", MAX_NAME_CHARACTERS), data)
    if data:
        raise Violation
    if "refused" in head:
        return Refused(_text(head, "refused", MAX_NAME_CHARACTERS), error_of(head))
    return Skipped(_text(head, "skipped", MAX_NAME_CHARACTERS), _text(head, "reason"))


def _text(head: Head, key: str, most: int = MAX_TEXT_CHARACTERS) -> str:
    text = head.get(key)
    if not isinstance(text, str) or len(text) > most:
        raise Violation
    if most == MAX_TEXT_CHARACTERS and any(unicodedata.category(character)[0] == "C" for character in text):
        raise Violation
    return text
