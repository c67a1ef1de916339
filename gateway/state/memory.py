"""The store in this process, for a single gateway."""

from __future__ import annotations

from dataclasses import replace

from gateway.clock import now
from gateway.state.record import Record
from gateway.state.sealing import wipe
from gateway.state.store import TOMBSTONE_SECONDS

_OVER = {"failed", "cleaned"}
"""What is completed stays until whoever made it wipes it: it may be on its way to a client."""


class MemoryStore:
    """See :class:`gateway.state.store.Store`. Ciphertext is overwritten when it goes."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._blobs: dict[str, dict[str, bytearray]] = {}

    async def check(self) -> None:
        """Nothing to do."""

    async def read(self, name: str) -> Record | None:
        return self._records.get(name)

    async def write(self, name: str, record: Record) -> bool:
        known = self._records.get(name)
        if known is not None and not known.running and known != record:
            return False
        self._records[name] = record
        return True

    async def clean(self, name: str) -> Record | None:
        record = self._records.get(name)
        self._drop_blobs(name)
        if record is not None:
            self._records[name] = replace(record, status="cleaned", salt="", expires=record.expires or now())
        return record

    async def put_blob(self, name: str, part: str, sealed: bytearray, expires: float) -> None:
        known = self._records.get(name)
        if expires <= now() or (known is not None and known.status == "cleaned"):
            wipe(sealed)
            return
        replaced = self._blobs.setdefault(name, {}).get(part)
        if replaced is not None and replaced is not sealed:
            wipe(replaced)
        self._blobs[name][part] = sealed

    async def keep_blobs(self, name: str, expires: float) -> None:
        """Nothing to do: blobs stay until the task is cleaned."""

    async def get_blob(self, name: str, part: str) -> bytes | bytearray | None:
        blob = self._blobs.get(name, {}).get(part)
        return None if blob is None else bytes(blob)

    async def has_blob(self, name: str, part: str) -> bool:
        return part in self._blobs.get(name, {})

    async def take_blob(self, name: str, part: str, taker: str = "") -> bytes | bytearray | None:  # noqa: ARG002
        return self._blobs.get(name, {}).pop(part, None)

    async def return_blob(self, name: str, part: str, taker: str, expires: float) -> None:
        """Nothing to do: what was taken has arrived."""

    async def beat(self, owner: str) -> None:  # noqa: ARG002 - there is but one
        self._bury()

    async def is_alive(self, owner: str) -> bool:  # noqa: ARG002
        return True

    @property
    def held(self) -> int:
        return sum(len(blob) for blobs in self._blobs.values() for blob in blobs.values())

    async def close(self) -> None:
        for name in list(self._blobs):
            self._drop_blobs(name)
        self._records.clear()

    def _drop_blobs(self, name: str) -> None:
        for blob in self._blobs.pop(name, {}).values():
            wipe(blob)

    def _bury(self) -> None:
        """Forget tombstones. Blobs of a task whose time is over go with the ``clean`` of whoever made it."""
        moment = now()
        for name, record in list(self._records.items()):
            if record.status in _OVER and record.expires + TOMBSTONE_SECONDS < moment:
                self._drop_blobs(name)
                del self._records[name]
