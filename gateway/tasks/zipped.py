"""The ZIP of a batch, made while it is sent: one result at a time is in the clear."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from stat import S_IFREG
from typing import Any

from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, ZIP_32, ZIP_64, async_stream_zip

from gateway.state.sealing import Seal, wipe
from gateway.state.store import Store
from gateway.tasks.batch import INDEX
from limner.errors import Gone

REPORT_NAME = "report.json"
_ZIP32_BYTES = 4_000_000_000
_MODE = S_IFREG | 0o644


def open_index(seal: Seal, sealed: bytes | bytearray) -> dict[str, Any]:
    """What a batch holds: ``files`` and ``report``."""
    index: dict[str, Any] = json.loads(seal.open(INDEX, sealed))
    return index


async def zip_of_batch(store: Store, name: str, seal: Seal, index: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    """Pieces of a ZIP with the results, not compressed again, and ``report.json``.

    Raises:
        Gone: a result has expired meanwhile.
    """
    large = sum(packed["size"] for packed in index["files"]) > _ZIP32_BYTES
    stored, deflated = (NO_COMPRESSION_64, ZIP_64) if large else (NO_COMPRESSION_32, ZIP_32)
    now = datetime.now()  # a ZIP's times are local ones

    opened: list[bytearray] = []

    async def members() -> AsyncIterator[Any]:
        for packed in index["files"]:
            yield packed["name"], now, _MODE, stored(packed["size"], packed["crc"]), content(packed["part"])
        report = json.dumps(index["report"], ensure_ascii=False, indent=1).encode()
        yield REPORT_NAME, now, _MODE, deflated, once(report)

    async def content(part: str) -> AsyncIterator[bytes]:
        sealed = await store.get_blob(name, part)
        if sealed is None:
            raise Gone("A result of this batch has expired.")
        plain = seal.open(part, sealed)
        opened.append(plain)
        yield bytes(plain)
        wipe(opened.pop())

    async def once(report: bytes) -> AsyncIterator[bytes]:
        yield report

    try:
        async for piece in async_stream_zip(members(), chunk_size=65_536):
            yield piece
    finally:
        for plain in opened:  # where the connection broke
            wipe(plain)
