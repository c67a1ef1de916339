"""API keys as they stand in ``LIMNER_API_KEYS``: hashes, with a name, roles and a limit.

A key is 256 random bits, so a plain SHA-256 is enough: there is nothing to guess that a slow hash or a salt would make
harder to guess, and a fast one lets every call be checked.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from limner.errors import SettingsError
from limner.settings import Settings, check_rate_limit

ROLES: Final = ("enhance", "metrics", "admin")
"""What a key may be for; ``admin`` implies the others."""

DEFAULT_ROLES: Final = frozenset({"enhance"})

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_.~-]{16,}")

log = logging.getLogger("limner.gateway")


def new_key() -> str:
    """256 random bits, with a prefix by which scanners for leaked secrets can tell whose key it is."""
    return f"limner_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """The 64 hex digits that stand for ``key`` in an entry."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class ApiKey:
    """One entry. ``limit`` is its own rate limit; None takes ``LIMNER_RATE_LIMIT``."""

    name: str
    digest: bytes = field(repr=False)
    roles: frozenset[str] = DEFAULT_ROLES
    limit: str | None = None


class KeyRing:
    """The keys that are set up. It is false where there are none."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def from_settings(cls, settings: Settings) -> KeyRing:
        """Raises SettingsError where an entry of ``LIMNER_API_KEYS`` is wrong."""
        return cls(() if settings.api_keys is None else parse_keys(settings.api_keys.get_secret_value()))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys)

    def find(self, presented: bytes) -> ApiKey | None:
        """The entry of the key that a client sent. Takes the same time whether and where there is one."""
        digest = hashlib.sha256(presented).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """The entries of ``LIMNER_API_KEYS``: ``NAME:SHA256[:ROLES[:LIMIT]]``, separated by commas.

    An entry without a colon is a key in the clear, or the hash of one; it is named by the first digits of its hash.

    Raises:
        SettingsError: naming the entry, by its position as long as what stands for its name may be a key.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    keys = tuple(parse_entry(entry, position) for position, entry in enumerate(entries, 1))
    if not keys:
        raise SettingsError("LIMNER_API_KEYS holds no entry. Unset it, or make an entry with `limner key`.")
    names: set[str] = set()
    digests: dict[bytes, str] = {}
    for key in keys:
        if key.name in names:
            raise SettingsError(f"LIMNER_API_KEYS: two entries are named {key.name}. Give each a name of its own.")
        if key.digest in digests:
            raise SettingsError(f"LIMNER_API_KEYS: {digests[key.digest]} and {key.name} have the same key. Drop one.")
        names.add(key.name)
        digests[key.digest] = key.name
    return keys


def parse_entry(entry: str, position: int = 1) -> ApiKey:
    """One of the entries of :func:`parse_keys`, with the same errors."""
    if ":" not in entry:
        return _parse_bare(entry, position)
    name, digest, roles, limit = (*entry.split(":", 3), "", "")[:4]
    if not _NAME.fullmatch(name) or not _HASH.fullmatch(digest):
        raise SettingsError(
            f"LIMNER_API_KEYS: entry {position} is not NAME:SHA256[:ROLES[:LIMIT]] with a name of at most 64 letters, "
            "digits, dots, dashes and underscores and a hash of 64 hex digits. `limner key` makes entries."
        )
    return ApiKey(name, bytes.fromhex(digest), _parse_roles(roles, name), _parse_limit(limit, name))


def _parse_bare(entry: str, position: int) -> ApiKey:
    if _HASH.fullmatch(entry):
        digest = entry.lower()
    elif _BARE_KEY.fullmatch(entry):
        log.warning(
            "LIMNER_API_KEYS: entry %d is a key in the clear. `limner key` makes entries with its hash alone.", position
        )
        digest = hash_of(entry)
    else:
        raise SettingsError(
            f"LIMNER_API_KEYS: entry {position} is too short for a key, which has 16 or more letters, digits, dashes, "
            "dots, tildes and underscores, or holds other signs. `limner key` makes entries."
        )
    return ApiKey(digest[:8], bytes.fromhex(digest))


def _parse_roles(text: str, name: str) -> frozenset[str]:
    roles = frozenset(text.split("+")) if text else DEFAULT_ROLES
    if not roles <= set(ROLES):
        raise SettingsError(
            f"LIMNER_API_KEYS: the entry {name} has a role that does not exist. Roles are {', '.join(ROLES)}; "
            "several are joined by +."
        )
    return roles


def _parse_limit(text: str, name: str) -> str | None:
    try:
        return check_rate_limit(text) if text else None
    except ValueError as error:
        raise SettingsError(f"LIMNER_API_KEYS: the limit of the entry {name} {error}.") from None
