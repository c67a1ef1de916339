"""A form read off an HTTP request, within limits of size and time."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request

from gateway.multipart import MAX_OVERHEAD_BYTES, Form, FormReader, Kind, file_too_large
from limner.errors import Cancelled, UploadTimeout

IDLE_SECONDS = 30.0
"""Longest silence of a client that is sending."""

GRACE_SECONDS = 30.0
LEAST_BYTES_PER_SECOND = 20_000
"""Slowest upload, after the grace: a client that drips bytes must not hold its place for long."""


async def read_upload(
    request: Request,
    max_file_bytes: int,
    kind: Kind = "photo",
    *,
    idle_seconds: float = IDLE_SECONDS,
    grace_seconds: float = GRACE_SECONDS,
) -> Form:
    """Read and parse the whole body. The caller wipes the form after use.

    Raises:
        InputError: the form or the file cannot be used; see :class:`gateway.multipart.FormReader`.
        UploadTimeout: the client stopped sending, or sends too slowly.
        Cancelled: the client went away.
    """
    reader = FormReader(request.headers.get("content-type", ""), max_file_bytes, kind)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_file_bytes + MAX_OVERHEAD_BYTES:
        raise file_too_large(max_file_bytes, kind)
    try:
        await _feed(reader, request, idle_seconds, grace_seconds)
        return reader.finish()
    except BaseException:
        reader.form.wipe()
        raise
    finally:
        reader.close()


async def _feed(reader: FormReader, request: Request, idle_seconds: float, grace_seconds: float) -> None:
    deadline = time.monotonic() + grace_seconds
    while True:
        patience = min(idle_seconds, deadline - time.monotonic())
        try:
            message = await asyncio.wait_for(request.receive(), patience)
        except asyncio.TimeoutError:
            raise UploadTimeout("The upload stopped or is too slow. Send it again, or send a smaller file.") from None
        if message["type"] == "http.disconnect":
            raise Cancelled("The client went away during the upload.")
        if body := message.get("body", b""):
            deadline += len(body) / LEAST_BYTES_PER_SECOND
            reader.feed(body)
        if not message.get("more_body", False):
            return
