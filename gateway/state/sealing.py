"""Results as AES-256-GCM ciphertext under a key of their own, which nobody keeps.

The key is derived (HKDF-SHA256, RFC 5869) from the task's id, which only the client has, and a salt in the task's
record. It is there only while something is sealed or opened. Stores know a task by the hash of its id, so whoever
reads a store can open nothing; once the salt is wiped, not even the client can.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from limner.errors import Gone

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_TASK_ID = re.compile(r"[0-9a-f]{32}")


def new_task_id() -> str:
    """128 random bits as 32 hex digits. Whoever has it may fetch the result."""
    return secrets.token_hex(16)


def is_task_id(text: str) -> bool:
    return _TASK_ID.fullmatch(text) is not None


def name_of(task_id: str) -> str:
    """What stores and logs call the task: 64 hex digits that lead nowhere."""
    return hashlib.sha256(task_id.encode()).hexdigest()


def new_salt() -> str:
    return secrets.token_hex(_KEY_BYTES)


def wipe(buffer: bytearray) -> None:
    """Overwrite with zeros."""
    buffer[:] = bytes(len(buffer))


class Seal:
    """Seals and opens the parts of one task. Leave its ``with`` block, and the key is overwritten."""

    def __init__(self, task_id: str, salt: str) -> None:
        if not salt:
            raise Gone("The result is gone. Send the photo again.")
        self._key = bytearray(_KEY_BYTES)
        HKDF(SHA256(), _KEY_BYTES, bytes.fromhex(salt), b"limner result").derive_into(task_id.encode(), self._key)

    def __enter__(self) -> Seal:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Overwrite the key; nothing can be sealed or opened any more."""
        wipe(self._key)

    def seal(self, part: str, plain: bytes | bytearray | memoryview) -> bytearray:
        """Nonce, ciphertext and tag. ``part`` names what it is; it opens under the same name only."""
        sealed = bytearray(_NONCE_BYTES + len(plain) + _TAG_BYTES)
        sealed[:_NONCE_BYTES] = secrets.token_bytes(_NONCE_BYTES)
        nonce, body = bytes(sealed[:_NONCE_BYTES]), memoryview(sealed)[_NONCE_BYTES:]
        AESGCM(self._key).encrypt_into(nonce, plain, part.encode(), body)
        return sealed

    def open(self, part: str, sealed: bytes | bytearray) -> bytearray:
        """What :meth:`seal` was given; the caller wipes it after use.

        Raises:
            Gone: it was sealed under another id, salt or part, or was changed since.
        """
        plain = bytearray(max(0, len(sealed) - _NONCE_BYTES - _TAG_BYTES))
        view = memoryview(sealed)
        try:
            AESGCM(self._key).decrypt_into(bytes(view[:_NONCE_BYTES]), view[_NONCE_BYTES:], part.encode(), plain)
        except (InvalidTag, ValueError):
            raise Gone("The result cannot be opened any more. Send the photo again.") from None
        return plain
