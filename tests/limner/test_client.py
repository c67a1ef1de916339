"""The client of the HTTP API, both ways to call it, against a server that does as each test says."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from limner.client import AsyncBatch, AsyncLimner, AsyncTask, Batch, EnhancedPhoto, Limner, Task, outages
from limner.client.address import http_arguments, server_url
from limner.errors import (
    BY_TYPE,
    DamagedImage,
    FileTooLarge,
    Gone,
    InvalidOption,
    LimnerError,
    NotCompleted,
    NotFound,
    QueueFull,
    QuotaExceeded,
    ServerUnreachable,
    Unauthorized,
)
from limner.settings import PROJECT_ROOT
from tests.limner.limner_server import (
    BATCH,
    ID,
    PHOTO,
    REPORT,
    StandIn,
    accepted,
    broken,
    image,
    listening,
    problem,
    state,
    states,
    stream,
)

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    app = StandIn()
    with listening(app) as app.url:
        yield app


@pytest.fixture
def stand_in(server: StandIn) -> StandIn:
    """The server, which knows of no earlier test."""
    server.answers.clear()
    server.got.clear()
    return server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks is made anew once."""
    monkeypatch.setattr(outages, "OUTAGE_SECONDS", 0.001)


def ask_and_wait(url: str, method: str, *arguments: Any, of: str = "", **options: Any) -> Any:
    """Call a method of a client, or of its task or batch; events come as a list."""
    with Limner(url, patience=options.pop("patience", 5.0), api_key=options.pop("api_key", None)) as client:
        target: Any = getattr(client, of)(ID) if of else client
        result = getattr(target, method)(*arguments, **options)
        return list(result) if method == "events" else result


def ask_and_await(url: str, method: str, *arguments: Any, of: str = "", **options: Any) -> Any:
    async def asked() -> Any:
        keep = {"patience": options.pop("patience", 5.0), "api_key": options.pop("api_key", None)}
        async with AsyncLimner(url, **keep) as client:
            target: Any = getattr(client, of)(ID) if of else client
            result = getattr(target, method)(*arguments, **options)
            return [event async for event in result] if method == "events" else await result

    return asyncio.run(asked())


@pytest.fixture(params=[ask_and_wait, ask_and_await], ids=["synchronous", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asked: Ask = request.param
    return asked


def test_both_clients_have_the_same_calls_and_the_page_has_them() -> None:
    def calls(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert calls(Limner) == calls(AsyncLimner)
    assert calls(Task) == calls(AsyncTask)
    assert calls(Batch) == calls(AsyncBatch)
    page = (PROJECT_ROOT / "docs/client.md").read_text("utf-8")
    for name in calls(Limner) | calls(Task) | calls(Batch):
        assert f"`{name}(" in page, name


def test_a_photo_comes_back_with_name_and_report(ask: Ask, stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "王芳.jpg").write_bytes(b"photo")
    stand_in.will("POST /v1/enhance", image(name="%E7%8E%8B%E8%8A%B3_enhanced.png"))
    result = ask(stand_in.url, "enhance", tmp_path / "王芳.jpg", enhancement_level=3, aligned=True, quality=95)
    assert result == EnhancedPhoto(b"picture", "png", "王芳_enhanced.png", REPORT)
    (got,) = stand_in.got
    assert (got.filename, got.file) == ("王芳.jpg", b"photo")
    assert got.fields == {"enhancement_level": "3", "aligned": "true"}, "what differs from the defaults"
    assert "authorization" not in got.headers
    assert got.headers["accept-encoding"] == "identity"
    assert "picture" not in repr(result)


@pytest.mark.parametrize(
    ("upload", "filename", "name"),
    [
        (b"photo", None, "photo"),
        (bytearray(b"photo"), "a b.jpg", "a b.jpg"),
        (memoryview(b"photo"), 'x".jpg', "x%22.jpg"),
        (io.BytesIO(b"photo"), None, "photo"),
        (b"photo", os.fsdecode(b"\xff.jpg"), "?.jpg"),
        (b"photo", "\ud800.jpg", "?.jpg"),
    ],
)
def test_bytes_and_files_are_sent(ask: Ask, stand_in: StandIn, upload: Any, filename: str | None, name: str) -> None:
    stand_in.will("POST /v1/photos", accepted())
    if isinstance(upload, io.BytesIO):
        upload = io.BytesIO(b"read before, photo")
        upload.read(len(b"read before, "))
    assert ask(stand_in.url, "submit", upload, filename=filename).task_id == ID
    assert [(got.filename, got.file) for got in stand_in.got] == [(name, b"photo")]


def test_a_file_object_has_its_own_name(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"archive")
    stand_in.will("POST /v1/batches", accepted())
    with (tmp_path / "a.zip").open("rb") as file:
        assert ask_and_wait(stand_in.url, "submit_batch", file).batch_id == ID
    assert stand_in.got[0].filename == "a.zip"


def test_nothing_is_sent_with_a_wrong_option_or_without_a_file(ask: Ask, stand_in: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="quality is '0'"):
        ask(stand_in.url, "enhance", b"photo", quality=0)
    with pytest.raises(FileNotFoundError):
        ask(stand_in.url, "enhance", tmp_path / "none.jpg")
    with pytest.raises(InvalidOption, match="The id is none"):
        Limner(stand_in.url).task("../models")
    assert not stand_in.got


@pytest.mark.parametrize("variable", [True, False])
def test_the_key_is_sent(ask: Ask, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, variable: bool) -> None:
    monkeypatch.setenv("LIMNER_API_KEY", "limner_abc\n" if variable else "another")
    stand_in.will(f"GET {PHOTO}", states("pending"))
    ask(stand_in.url, "status", of="task", api_key=None if variable else "limner_abc")
    assert stand_in.got[0].headers["authorization"] == "Bearer limner_abc"


def test_a_key_no_header_may_hold_is_not_shown() -> None:
    with pytest.raises(InvalidOption) as refused:
        Limner(api_key="geheim\r\nX: y")
    assert "geheim" not in refused.value.message


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
def test_every_problem_is_an_error_of_its_class(stand_in: StandIn, kind: str) -> None:
    stand_in.will("POST /v1/enhance", problem(kind, "Do that. 照片"))
    with pytest.raises(LimnerError) as raised:
        ask_and_wait(stand_in.url, "enhance", b"photo", patience=0)
    assert type(raised.value) is BY_TYPE[kind]
    assert raised.value.message == "Do that. 照片" + (" (request id ab)" if BY_TYPE[kind].status == 500 else "")
    assert len(stand_in.got) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (problem("something-new", "Try \x1b[31mthat\r\n.", status=418), "Try [31mthat  ."),
        (PlainTextResponse("<html>", 500), "The server answered 500 Internal Server Error, and not as Limner does."),
        (RedirectResponse("https://x.example/v1/enhance"), "points to https://x.example/v1/enhance."),
        (Response(status_code=302), "The server answered 302 Found, and not as Limner does."),
        (Response(status_code=304), "The server answered 304 Not Modified, and not as Limner does."),
        (PlainTextResponse("Welcome to the hotel"), "The answer is not one of Limner's HTTP API."),
        (image(b""), "The answer is not one"),
        (image(media_type="text/html"), "The answer is not one"),
        (Response(b"picture", media_type="image/png"), "The answer is not one"),
    ],
)
def test_what_is_no_answer_of_ours_says_so(ask: Ask, stand_in: StandIn, answer: Response, message: str) -> None:
    stand_in.will("POST /v1/enhance", answer)
    with pytest.raises(LimnerError) as raised:
        ask(stand_in.url, "enhance", b"photo")
    assert message in raised.value.message
    assert type(raised.value) is LimnerError
    assert len(stand_in.got) == 1


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"task_id":"../x","status":"pending"}', '{"task_id":"ab","status":"asleep"}', "\xff"]
)
def test_a_status_that_is_none_is_no_status(stand_in: StandIn, body: str) -> None:
    stand_in.will(f"GET {PHOTO}", Response(body.encode("latin-1"), media_type="application/json"))
    with pytest.raises(LimnerError, match="not one of Limner's"):
        ask_and_wait(stand_in.url, "status", of="task")


@pytest.mark.parametrize("kind", ["quota-exceeded", "temporary-reduced-capacity"])
@pytest.mark.parametrize("headers", [{"Retry_After": "0"}, {}])
def test_a_refusal_is_waited_out_and_the_whole_file_sent_again(
    ask: Ask, stand_in: StandIn, tmp_path: Path, kind: str, headers: dict[str, Any]
) -> None:
    (tmp_path / "a.jpg").write_bytes(bytes(200_000))
    stand_in.will("POST /v1/enhance", problem(kind, **headers), image())
    assert ask(stand_in.url, "enhance", tmp_path / "a.jpg").image == b"picture"
    assert [len(got.file or b"") for got in stand_in.got] == [200_000, 200_000]


def test_who_cannot_wait_that_long_is_told_at_once(ask: Ask, stand_in: StandIn) -> None:
    stand_in.will("POST /v1/photos", problem("quota-exceeded", Retry_After="3600"))
    with pytest.raises(QuotaExceeded) as refused:
        ask(stand_in.url, "submit", b"photo")
    assert refused.value.retry_after == 3600
    stand_in.will("POST /v1/photos", problem("temporary-reduced-capacity", Retry_After="0"))
    with pytest.raises(QueueFull):
        ask(stand_in.url, "submit", b"photo", patience=1.2)
    assert 2 <= len(stand_in.got) <= 4


def test_a_server_that_is_not_there(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerUnreachable, match=rf"http://127\.0\.0\.1:{port} cannot be reached"):
        ask(f"http://127.0.0.1:{port}", "ready")


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_without_a_server_is_a_server_that_is_not_there(ask: Ask, stand_in: StandIn, status: int) -> None:
    stand_in.will("POST /v1/enhance", PlainTextResponse("<html>", status))
    with pytest.raises(ServerUnreachable, match=f"The server answered {status} .*, and not as Limner does"):
        ask(stand_in.url, "enhance", b"photo")
    assert len(stand_in.got) == 1


def test_a_broken_upload_is_not_repeated(ask: Ask, stand_in: StandIn) -> None:
    stand_in.will("POST /v1/enhance", broken(b"pict", "image/png"))
    with pytest.raises(ServerUnreachable, match="broke"):
        ask(stand_in.url, "enhance", b"photo")
    assert len(stand_in.got) == 1


@pytest.mark.usefixtures("impatient")
def test_a_broken_download_is_tried_again(ask: Ask, stand_in: StandIn) -> None:
    stand_in.will(f"GET {PHOTO}", states("completed", report=REPORT))
    stand_in.will(f"GET {PHOTO}/image", broken(b"pict", "image/png"), image())
    assert ask(stand_in.url, "fetch", of="task").image == b"picture"
    stand_in.will(f"GET {PHOTO}/image", broken(b"pict", "image/png"), problem("gone"))
    with pytest.raises(Gone):
        ask(stand_in.url, "fetch", of="task")
    stand_in.will(f"GET {PHOTO}/image", broken(b"pict", "image/png"))
    with pytest.raises(ServerUnreachable):
        ask(stand_in.url, "fetch", of="task")
    assert len(stand_in.calls(f"GET {PHOTO}/image")) == 6


def test_a_result_comes_with_the_whole_report(ask: Ask, stand_in: StandIn) -> None:
    whole = {**REPORT, "notes": ["One \x1b]0;title\x07note."]}
    stand_in.will(f"GET {PHOTO}", states("completed", report=whole))
    stand_in.will(f"GET {PHOTO}/image", image())
    assert ask(stand_in.url, "fetch", of="task").report == {**REPORT, "notes": ["One ]0;titlenote."]}


@pytest.mark.parametrize("kind", ["not-completed", "gone", "not-found"])
def test_a_result_that_is_not_there_is_not_waited_for(ask: Ask, stand_in: StandIn, kind: str) -> None:
    stand_in.will(f"GET {PHOTO}", states("processing"))
    stand_in.will(f"GET {PHOTO}/image", problem(kind, Retry_After="0"))
    with pytest.raises(BY_TYPE[kind]):
        ask(stand_in.url, "fetch", of="task")


def test_waiting_ends_with_the_task(ask: Ask, stand_in: StandIn) -> None:
    unavailable, half = problem("state-unavailable", Retry_After="0"), broken(b"{", "application/json")
    stand_in.will(f"GET {PHOTO}", states("pending", queue_position=3), unavailable, half, states("completed"))
    assert ask(stand_in.url, "wait", of="task").status == "completed"
    stand_in.will(f"GET {BATCH}", states("processing", total_files=3), states("completed", total_files=3))
    assert ask(stand_in.url, "wait", of="batch").total_files == 3
    stand_in.will(f"GET {PHOTO}", states("failed", error_type="damaged-image", error_message="The JPEG breaks off."))
    with pytest.raises(DamagedImage, match=r"^The JPEG breaks off\.$"):
        ask(stand_in.url, "wait", of="task")
    stand_in.will(f"GET {PHOTO}", states("cleaned"))
    with pytest.raises(Gone):
        ask(stand_in.url, "wait", of="task")


def test_waiting_has_an_end_of_its_own(ask: Ask, stand_in: StandIn) -> None:
    stand_in.will(f"GET {PHOTO}", states("processing"))
    with pytest.raises(NotCompleted, match=r"no result after 0\.3 s"):
        ask(stand_in.url, "wait", 0.3, of="task")
    assert len(stand_in.got) >= 2


def sse(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def test_events_are_told_to_the_last(ask: Ask, stand_in: StandIn) -> None:
    events = b"".join(
        [
            b"retry: 2000\n\n: keep-alive\n\n",
            sse("queue", {"queue_position": 2}),
            b": keep-alive\r\n\r\n",
            sse("something-new", {"a": 1}),
            sse("progress", state("processing", error_message="照片\u2028two")),
            sse("done", state("failed")),
            sse("progress", state("pending")),
        ]
    )
    stand_in.will(f"GET {PHOTO}/events", stream(*(events[at : at + 7] for at in range(0, len(events), 7))))
    told = ask(stand_in.url, "events", of="task")
    assert [event.name for event in told] == ["queue", "progress", "done"]
    assert (told[0].queue_position, told[0].status) == (2, None)
    assert told[1].status.error_message == "照片\u2028two"
    assert told[1].status.created_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, timezone.utc)
    assert told[2].status.status == "failed"


def test_events_go_on_over_a_broken_connection(ask: Ask, stand_in: StandIn) -> None:
    progress, done = sse("progress", state("processing")), sse("done", state("completed"))
    half = broken(progress + done[:20], "text/event-stream")
    stand_in.will(f"GET {BATCH}/events", half, stream(), problem("state-unavailable", Retry_After="0"), stream(done))
    assert [event.name for event in ask(stand_in.url, "events", of="batch")] == ["progress", "done"]


@pytest.mark.usefixtures("impatient")
def test_events_of_what_is_forgotten_or_no_stream_end(ask: Ask, stand_in: StandIn) -> None:
    with pytest.raises(NotFound):
        ask(stand_in.url, "events", of="task")
    stand_in.will(f"GET {PHOTO}/events", stream(b"<html>", media_type="text/html"))
    with pytest.raises(LimnerError, match="not one of Limner's"):
        ask(stand_in.url, "events", of="task")
    stand_in.will(f"GET {PHOTO}/events", stream(sse("progress", {"status": "?"})))
    with pytest.raises(LimnerError, match="not one of Limner's"):
        ask(stand_in.url, "events", of="task")
    stand_in.will(f"GET {PHOTO}/events", stream())
    with pytest.raises(ServerUnreachable, match="ends the stream"):
        ask(stand_in.url, "events", of="task")
    assert len(stand_in.calls(f"GET {PHOTO}/events")) == 1 + 1 + 1 + 2


def test_an_archive_is_saved_whole(ask: Ask, stand_in: StandIn, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(300_000)
    stand_in.will(
        f"GET {BATCH}/archive",
        broken(content[:70_000], "application/zip"),
        Response(content, media_type="application/zip"),
    )
    (tmp_path / "out.zip").write_bytes(b"old")
    ask(stand_in.url, "save", tmp_path / "out.zip", of="batch")
    assert (tmp_path / "out.zip").read_bytes() == content
    assert os.listdir(tmp_path) == ["out.zip"]  # noqa: PTH208


@pytest.mark.usefixtures("impatient")
def test_a_download_that_fails_leaves_what_was_there(ask: Ask, stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_bytes(b"old")
    for answer in (broken(b"PK", "application/zip"), problem("gone"), PlainTextResponse("hello")):
        stand_in.will(f"GET {BATCH}/archive", answer)
        with pytest.raises(LimnerError):
            ask(stand_in.url, "save", tmp_path / "out.zip", of="batch")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.zip": b"old"}


def test_where_nothing_can_be_written_the_result_is_not_asked_for(ask: Ask, stand_in: StandIn, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(stand_in.url, "save", tmp_path / "none" / "out.zip", of="batch")
    with pytest.raises(IsADirectoryError):
        ask(stand_in.url, "save", tmp_path, of="batch")
    assert not stand_in.got


def test_models_readiness_and_deletion(ask: Ask, stand_in: StandIn) -> None:
    entry = {"role": "parser", "model": "m", "variant": "v", "available": False, "reason": "no weights", "new": 1}
    stand_in.will("GET /v1/models", JSONResponse({"roles": {}, "models": [entry]}))
    stand_in.will("GET /readyz", problem("inference-unavailable", Retry_After="0"), JSONResponse({"status": "ready"}))
    stand_in.will(f"DELETE {PHOTO}", JSONResponse({"task_id": ID, "status": "cleaned", "message": "Gone."}))
    assert ask(stand_in.url, "models").reason("parser") == "no weights"
    assert ask(stand_in.url, "ready") is False
    assert ask(stand_in.url, "ready") is True
    assert ask(stand_in.url, "delete", of="task") is None
    assert len(stand_in.got) == 4
    stand_in.will("GET /readyz", problem("unauthorized"))
    with pytest.raises(Unauthorized):
        ask(stand_in.url, "ready")


@pytest.mark.parametrize(
    "server",
    ["127.0.0.1:8000", "", "ftp://x", "http://", "http://x:99999999", "http://u:geheim@x", "http://x/?a=geheim"],
)
def test_an_address_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(InvalidOption, match="server") as refused:
        Limner(server)
    assert "geheim" not in refused.value.message


def test_an_api_below_a_path_is_found(ask: Ask, stand_in: StandIn) -> None:
    stand_in.will("GET /limner/readyz", JSONResponse({"status": "ready"}))
    assert ask(f"{stand_in.url}/limner/", "ready") is True
    assert ask(f"{stand_in.url}/limner", "ready") is True


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_does_not_catch_this_machine(
    ask: Ask, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    stand_in.will("GET /readyz", JSONResponse({"status": "ready"}))
    assert ask(stand_in.url, "ready") is True
    assert ask(stand_in.url.replace("127.0.0.1", "localhost"), "ready") is True
    with pytest.raises(ServerUnreachable):
        ask("http://limner.invalid", "ready")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000", "https://[::1]", "http://LocalHost"])
def test_loopback_has_a_way_of_its_own(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with httpx.Client(**http_arguments(server_url(url), None)) as http:
        assert http._transport_for_url(httpx.URL(f"{url}/v1")) is http._transport
        assert http._transport_for_url(httpx.URL("https://limner.example")) is not http._transport


def test_a_certificate_that_is_not_trusted_is_named(stand_in: StandIn) -> None:
    with pytest.raises(ServerUnreachable, match=r"cannot be reached \(.*SSL"):
        ask_and_wait(stand_in.url.replace("http:", "https:"), "ready")


def test_one_client_serves_many_threads(stand_in: StandIn) -> None:
    stand_in.will("POST /v1/enhance", image())
    results: list[bytes] = []
    with Limner(stand_in.url) as client:
        threads = [threading.Thread(target=lambda: results.append(client.enhance(b"photo").image)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [b"picture"] * 20


async def test_a_cancelled_download_leaves_no_file(stand_in: StandIn, tmp_path: Path) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/zip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"PK", "more_body": True})
        await receive()  # the client goes

    stand_in.will(f"GET {BATCH}/archive", answer)
    async with AsyncLimner(stand_in.url) as client:
        saving = asyncio.create_task(client.batch(ID).save(tmp_path / "out.zip"))
        while not (stand_in.got and any(tmp_path.iterdir())):
            await asyncio.sleep(0.01)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    assert not list(tmp_path.iterdir())


def test_file_too_large_is_told_although_the_server_stops_reading(ask: Ask, tmp_path: Path) -> None:
    """The answer comes while the file is still being sent."""
    with (tmp_path / "fat.jpg").open("wb") as fat:
        fat.truncate(60_000_000)
    body = json.dumps({"type": "urn:limner:problem:file-too-large", "detail": "Send a smaller one."}).encode()
    head = f"HTTP/1.1 413 X\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    with socket.create_server(("127.0.0.1", 0)) as port:

        def serve() -> None:
            connection, _ = port.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(head + body)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(FileTooLarge, match=r"^Send a smaller one\.$"):
            ask(f"http://127.0.0.1:{port.getsockname()[1]}", "enhance", tmp_path / "fat.jpg")
        thread.join()
