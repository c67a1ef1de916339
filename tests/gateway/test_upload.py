from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.disconnect import unless_disconnected
from gateway.upload import read_upload
from limner.errors import Cancelled, EmptyImage, FileTooLarge, InvalidForm, UploadTimeout

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nphoto\r\n'
    b'--b\r\nContent-Disposition: form-data; name="quality"\r\n\r\n80\r\n--b--\r\n'
)


def body(chunk: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": chunk, "more_body": more}


def request(messages: list[Message], headers: dict[str, str] | None = None) -> Request:
    """A request whose client sends ``messages`` and then stays silent."""
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    sent = {"content-type": "multipart/form-data; boundary=b", **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


async def test_chunked_upload() -> None:
    pieces = [body(BODY[start : start + 7]) for start in range(0, len(BODY), 7)]
    form = await read_upload(request([*pieces, body(b"", more=False)]), 100)
    assert (bytes(form.file), form.filename, form.fields) == (b"photo", "a.png", {"quality": "80"})


async def test_announced_length_is_refused_before_reading() -> None:
    with pytest.raises(FileTooLarge, match="20 MB"):
        await read_upload(request([], {"content-length": "30000000"}), 20_000_000)


async def test_silent_client_times_out() -> None:
    with pytest.raises(UploadTimeout):
        await read_upload(request([body(BODY[:20])]), 100, idle_seconds=0.05)


async def test_dripping_client_times_out() -> None:
    with pytest.raises(UploadTimeout):
        await read_upload(request([body(b"")] * 10_000_000), 100, grace_seconds=0.05)


async def test_client_that_leaves_during_the_upload() -> None:
    with pytest.raises(Cancelled):
        await read_upload(request([body(BODY[:20]), {"type": "http.disconnect"}]), 100)


@pytest.mark.parametrize(
    ("sent", "error"), [(BODY[:60], InvalidForm), (BODY.replace(b"photo", b""), EmptyImage), (b"", InvalidForm)]
)
async def test_refused_bodies(sent: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await read_upload(request([body(sent, more=False)]), 100)


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.set()

    with pytest.raises(Cancelled):
        await unless_disconnected(request([body(b"", more=False), {"type": "http.disconnect"}]), work())
    assert stopped.is_set()


async def test_finished_work_hands_over_its_result_or_error() -> None:
    async def work(error: Exception | None) -> str:
        if error:
            raise error
        return "done"

    assert await unless_disconnected(request([]), work(None)) == "done"
    with pytest.raises(EmptyImage):
        await unless_disconnected(request([]), work(EmptyImage("empty")))
