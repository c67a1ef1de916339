"""Results go out once: wiped when all was sent, kept when the connection broke, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from fastapi import FastAPI, Response
from starlette.types import Message, Receive, Scope, Send

from gateway import batches, photos
from gateway.access.client import Client
from gateway.archives.entries import Photo
from gateway.server import build_server
from gateway.services import Services
from gateway.state.sealing import Seal
from gateway.state.store import TOMBSTONE_SECONDS
from gateway.tasks import desk as desk_module
from gateway.tasks.delivery import CHUNK_BYTES, Delivery, in_pieces
from gateway.tasks.photo import RESULT
from gateway.tasks.running import Running
from limner.errors import Gone, NotFound, QueueFull
from limner.settings import Settings
from tests.gateway.conftest import OpenGateway
from tests.gateway.tasks.test_desk import ANYBODY, RESULT_BYTES, House, Store, Unpacked, happens

pytestmark = pytest.mark.timeout(60)

MakePhoto = Callable[..., bytes]


class Line:
    """The server's side of a connection, as uvicorn has it: what is sent to a client that is gone is dropped."""

    def __init__(self, breaks_after: int | None = None, *, stuck_after: int | None = None) -> None:
        self.body = b""
        self.messages = 0
        self.ended = False
        self.gone = asyncio.Event()
        self.read_on = asyncio.Event()
        self._breaks_after = breaks_after
        self._stuck_after = stuck_after
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.ended:
            await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._stuck_after is not None and self.messages >= self._stuck_after:
            await self.read_on.wait()  # the client does not read, and the server's buffer is full
        if self.gone.is_set():
            return
        self.messages += 1
        self.body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message["more_body"]:
            self.ended = True
            self.gone.set()
        if self.messages == self._breaks_after:
            self.gone.set()

    def break_off(self) -> None:
        """The client is gone; both who listens and who sends are woken, in this order."""
        self.gone.set()
        self.read_on.set()

    async def carry(self, delivery: Delivery) -> None:
        scope: Scope = {"type": "http", "method": "GET"}
        receive: Receive = self.receive
        send: Send = self.send
        await delivery(scope, receive, send)


class Ending:
    """What a delivery came to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.may_return = asyncio.Event()
        self.may_return.set()

    async def delivered(self) -> None:
        await self.may_return.wait()
        self.calls.append("delivered")

    async def broken_off(self) -> None:
        await self.may_return.wait()
        self.calls.append("broken off")

    def of(self, pieces: AsyncGenerator[bytes, None]) -> Delivery:
        return Delivery(
            pieces, delivered=self.delivered, broken_off=self.broken_off, media_type="image/png", headers={"X-Y": "z"}
        )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "BEAT_SECONDS", 0.01)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(Settings(rate_limit="off"))
    yield house
    house.store.away = False
    house.store.stuck.clear()
    await house.desk.close()


@pytest.fixture
async def done(house: House, make_photo: MakePhoto) -> Running:
    """A photo whose result waits."""
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "completed")
    return running


@pytest.fixture
async def batch(house: House, make_photo: MakePhoto) -> Running:
    """A batch of three whose results wait."""
    running = await house.desk.begin("batch", ANYBODY)
    work, unpacked = house.batch(), Unpacked(*(Photo(f"{n}.png", bytearray(make_photo())) for n in range(3)))
    house.desk.run(running, lambda it: work.run(it, unpacked), lambda: None)  # type: ignore[arg-type]
    await house.has(running, "completed")
    return running


async def image_of(house: House, running: Running, client: Client = ANYBODY) -> Delivery:
    answer = await photos.image(running.task_id, house.services, client)
    assert isinstance(answer, Delivery)
    return answer


async def archive_of(house: House, running: Running) -> Delivery:
    answer = await batches.archive(running.task_id, house.services, ANYBODY)
    assert isinstance(answer, Delivery)
    return answer


async def several(count: int = 4) -> AsyncGenerator[bytes, None]:
    for number in range(count):
        yield bytes([number]) * 10


async def test_all_is_sent() -> None:
    line, ending = Line(), Ending()
    await line.carry(ending.of(several()))
    assert line.body == b"".join([piece async for piece in several()])
    assert line.ended
    assert ending.calls == ["delivered"]


@pytest.mark.parametrize("messages", range(1, 6), ids=["head", "1", "2", "3", "last piece"])
async def test_a_connection_that_breaks(messages: int) -> None:
    line, ending = Line(breaks_after=messages), Ending()
    await line.carry(ending.of(several()))
    assert ending.calls == ["broken off"]


async def test_a_client_that_was_gone_before() -> None:
    line, ending = Line(), Ending()
    line.gone.set()
    await line.carry(ending.of(several()))
    assert ending.calls == ["broken off"]


@pytest.mark.parametrize("after", [0, 2])
async def test_pieces_that_fail(after: int) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        async for piece in several(after):
            yield piece
        raise Gone("It has expired.")

    line, ending = Line(), Ending()
    with pytest.raises(Gone):
        await line.carry(ending.of(pieces()))
    assert not line.ended
    assert ending.calls == ["broken off"]


async def test_a_server_that_stops_meanwhile() -> None:
    line, ending = Line(stuck_after=2), Ending()
    sending = asyncio.create_task(line.carry(ending.of(several())))
    await happens(lambda: line.messages == 2)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert ending.calls == ["broken off"]


async def test_the_end_comes_to_its_end_although_the_server_stops() -> None:
    line, ending = Line(), Ending()
    ending.may_return.clear()
    sending = asyncio.create_task(line.carry(ending.of(several())))
    await happens(lambda: line.ended)
    sending.cancel()
    ending.may_return.set()
    await asyncio.gather(sending, return_exceptions=True)
    await happens(lambda: ending.calls == ["delivered"])


async def test_whoever_goes_before_the_last_bytes_have_left_has_not_got_all() -> None:
    """They lie in our own buffer, not the kernel's: the server waits for the client to read before it ends."""
    line, ending = Line(stuck_after=5), Ending()  # head and four pieces are taken; the end has to wait
    sending = asyncio.create_task(line.carry(ending.of(several())))
    await happens(lambda: line.messages == 5)
    await asyncio.sleep(0.01)
    line.break_off()
    await sending
    assert not line.ended
    assert ending.calls == ["broken off"]


@pytest.mark.parametrize("reads", [False, True])
async def test_last_bytes_over_a_real_connection(reads: bool) -> None:
    """One piece that no kernel takes whole, so that the end has to wait; then the client goes away, or reads."""
    app, ending = FastAPI(), Ending()

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield bytes(48_000_000)

    @app.get("/")
    async def root() -> Response:
        return ending.of(pieces())

    server = build_server(app, Settings(port=0))
    serving = asyncio.create_task(server.serve())
    try:
        await happens(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert await reader.read(20)
        await asyncio.sleep(0.1)
        assert ending.calls == []
        if reads:
            assert len(await reader.read()) > 48_000_000
        writer.transport.abort()
        await happens(lambda: bool(ending.calls))
    finally:
        server.should_exit = True
        await serving
    assert ending.calls == ["delivered" if reads else "broken off"]


async def test_pieces_are_closed_when_the_connection_breaks() -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(4):
                await asyncio.sleep(0)
                yield b"piece"
        finally:
            closed.append(True)

    line, ending = Line(breaks_after=2), Ending()
    delivery = ending.of(pieces())
    await line.carry(delivery)
    assert closed == [True]


async def test_pieces_hold_all() -> None:
    content = bytearray(range(256)) * 1000
    pieces = [piece async for piece in in_pieces(content)]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) == CHUNK_BYTES
    content.clear()  # nothing holds on to it
    assert [piece async for piece in in_pieces(bytearray())] == []


async def test_a_photo_is_fetched_once(house: House, done: Running) -> None:
    delivery = await image_of(house, done)
    with pytest.raises(Gone):
        await image_of(house, done)
    line = Line()
    await line.carry(delivery)
    assert line.body == RESULT_BYTES
    assert await house.status(done) == "cleaned"
    assert house.store.held == house.desk.shelf.unfetched == 0
    with pytest.raises(Gone):
        await image_of(house, done)


@pytest.mark.parametrize("messages", [1, 3])
async def test_a_broken_fetch_of_a_photo_can_be_repeated(house: House, done: Running, messages: int) -> None:
    await Line(breaks_after=messages).carry(await image_of(house, done))
    assert await house.status(done) == "completed"
    line = Line()
    await line.carry(await image_of(house, done))
    assert line.body == RESULT_BYTES
    assert house.store.held == 0


async def test_what_is_deleted_while_it_is_fetched_does_not_come_back(house: House, done: Running) -> None:
    line = Line(stuck_after=2)
    sending = asyncio.create_task(line.carry(await image_of(house, done)))
    await happens(lambda: line.messages == 2)
    await house.desk.delete(done.task_id, "photo", ANYBODY)
    line.break_off()
    await sending
    assert house.store.held == 0
    assert await house.status(done) == "cleaned"


async def test_a_fetch_in_time_is_finished_after_the_time(house: House, done: Running) -> None:
    line = Line(stuck_after=2)
    sending = asyncio.create_task(line.carry(await image_of(house, done)))
    await happens(lambda: line.messages == 2)
    await house.desk.shelf.clean(done.name, "expired")
    line.read_on.set()
    await sending
    assert line.body == RESULT_BYTES
    assert house.store.held == 0


async def test_a_store_that_is_away_when_the_connection_breaks_costs_no_result(house: House, done: Running) -> None:
    line = Line(stuck_after=2)
    sending = asyncio.create_task(line.carry(await image_of(house, done)))
    await happens(lambda: line.messages == 2)
    house.store.away = True
    line.break_off()
    await asyncio.sleep(0.05)
    house.store.away = False
    await asyncio.gather(sending, return_exceptions=True)
    again = Line()
    await again.carry(await image_of(house, done))
    assert again.body == RESULT_BYTES


async def test_a_store_that_is_away_when_all_was_sent_makes_no_error(house: House, done: Running) -> None:
    delivery, line = await image_of(house, done), Line()
    house.store.away = True
    await line.carry(delivery)
    house.store.away = False
    assert line.body == RESULT_BYTES
    with pytest.raises(Gone):
        await image_of(house, done)


async def test_results_on_their_way_to_slow_clients_count_as_held(house: House, make_photo: MakePhoto) -> None:
    """A client that reads a byte a minute may keep them there for hours, and send new photos meanwhile."""
    settings = house.services.settings.model_copy(update={"max_held_bytes": len(RESULT_BYTES)})
    services = Services(**{**vars(house.services), "settings": settings})
    lines, sendings = [Line(stuck_after=2) for _ in range(3)], []
    for line in lines:
        running, _ = await house.hand_in(make_photo())
        await house.has(running, "completed")
        sendings.append(asyncio.create_task(line.carry(await image_of(house, running))))
    await happens(lambda: all(line.messages == 2 for line in lines))
    try:
        with pytest.raises(QueueFull), services.admission():
            pass
    finally:
        for line in lines:
            line.read_on.set()
        await asyncio.gather(*sendings)
    with services.admission():
        pass


async def test_a_result_on_its_way_counts_with_its_ciphertext(house: House, done: Running) -> None:
    """The store has let go of it, but it is kept until the end, to be given back."""
    both = len(RESULT_BYTES) + len(house.store._blobs[done.name][RESULT])
    delivery = await image_of(house, done)
    assert house.desk.shelf.sending == 0, "an answer that is never sent would count for ever"
    house.store.called.clear()
    house.store.stuck["put_blob"] = asyncio.Event()
    breaking = asyncio.create_task(Line(breaks_after=2).carry(delivery))
    await happens(lambda: "put_blob" in house.store.called)
    assert house.desk.shelf.sending == both, "it is not given back yet"
    house.store.stuck.pop("put_blob").set()
    await breaking
    assert house.desk.shelf.sending == 0
    await Line().carry(await image_of(house, done))
    assert house.desk.shelf.sending == 0


async def test_a_batch_is_fetched_once(house: House, batch: Running) -> None:
    delivery, line = await archive_of(house, batch), Line()
    with pytest.raises(Gone):
        await archive_of(house, batch)
    await line.carry(delivery)
    with zipfile.ZipFile(io.BytesIO(line.body)) as reader:
        assert reader.testzip() is None
        assert sorted(reader.namelist()) == ["0.png", "1.png", "2.png", "report.json"]
        assert reader.read("1.png") == RESULT_BYTES
    assert house.store.held == house.desk.shelf.unfetched == 0
    with pytest.raises(Gone):
        await archive_of(house, batch)


@pytest.mark.parametrize("messages", [1, 2, 5])
async def test_a_broken_fetch_of_a_batch_can_be_repeated(house: House, batch: Running, messages: int) -> None:
    await Line(breaks_after=messages).carry(await archive_of(house, batch))
    line = Line()
    await line.carry(await archive_of(house, batch))
    assert zipfile.ZipFile(io.BytesIO(line.body)).testzip() is None
    assert house.store.held == 0


async def test_photos_of_a_batch_are_wiped_when_the_connection_breaks(
    house: House, batch: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytearray] = []
    unseal = Seal.open

    def open_and_remember(self: Seal, part: str, sealed: bytes | bytearray) -> bytearray:
        plain = unseal(self, part, sealed)
        if part.startswith("photo-"):
            opened.append(plain)
        return plain

    monkeypatch.setattr(Seal, "open", open_and_remember)
    delivery = await archive_of(house, batch)
    await Line(breaks_after=3).carry(delivery)
    assert opened
    assert not any(map(any, opened))


@pytest.mark.parametrize("late", [1, TOMBSTONE_SECONDS + 1], ids=["expired", "forgotten"])
async def test_a_batch_whose_fetch_began_in_time_does_not_expire_on_its_way(
    house: House, batch: Running, late: float
) -> None:
    """A gigabyte takes a while, and somebody who asks for the status must not end it either."""
    line = Line(stuck_after=2)
    sending = asyncio.create_task(line.carry(await archive_of(house, batch)))
    await happens(lambda: line.messages == 2)
    record = house.store._records[batch.name]
    house.store._records[batch.name] = replace(record, expires=time.time() - late)  # time goes by
    house.desk.shelf._unfetched = [(time.time() - late, batch.name)]
    async with house.watched():
        with suppress(NotFound):
            await house.status(batch)
        await asyncio.sleep(0.05)
        line.read_on.set()
        await asyncio.gather(sending, return_exceptions=True)
    assert line.ended, "the ZIP ends in the middle"
    assert zipfile.ZipFile(io.BytesIO(line.body)).testzip() is None
    assert house.store.held == 0


async def test_results_are_fetched_by_get_alone(open_gateway: OpenGateway) -> None:
    async with open_gateway(Settings(canary_interval=3600.0)) as gateway:
        for path in ("/v1/photos/{}/image", "/v1/batches/{}/archive"):
            assert (await gateway.client.head(path.format("0" * 32))).status_code == 405


async def test_one_client_cannot_take_all_places(open_gateway: OpenGateway, make_photo: MakePhoto) -> None:
    """Slow uploads from one address; another one wants in."""
    settings = Settings(
        trusted_proxies="127.0.0.1",
        rate_limit="off",
        max_tasks=2,
        max_queue=2,
        canary_interval=3600.0,
    )
    async with open_gateway(settings) as gateway:
        url = gateway.client.base_url
        writers = []
        for _ in range(4):
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(
                b"POST /v1/photos HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.1\r\nContent-Length: 1000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            )
            writers.append(writer)
        try:
            await asyncio.wait_for(_settled(lambda: gateway.services.queue.admitted), 10)
            other = {"X-Forwarded-For": "203.0.113.2"}
            answer = await gateway.client.post("/v1/photos", files={"file": make_photo()}, headers=other)
            assert answer.status_code == 202, answer.json()["detail"]
            assert (await gateway.client.delete(answer.headers["Location"], headers=other)).status_code == 200
        finally:
            for writer in writers:
                writer.transport.abort()
            await happens(lambda: gateway.services.queue.admitted == 0)


async def _settled(look: Callable[[], int]) -> None:
    """Wait until a number has stood still for a while."""
    before, since = -1, time.monotonic()
    while time.monotonic() - since < 0.2:
        if (now := look()) != before:
            before, since = now, time.monotonic()
        await asyncio.sleep(0.01)


async def test_whoever_goes_away_during_the_upload_frees_the_place(
    open_gateway: OpenGateway, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(rate_limit="off", canary_interval=3600.0)) as gateway:
        for path in ("photos", "batches"):
            url = gateway.client.base_url
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(
                f"POST /v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode()
            )
            await happens(lambda: gateway.services.queue.admitted == 1)
            writer.transport.abort()
            await happens(lambda: gateway.services.queue.admitted == 0)
            assert gateway.services.batches.active == 0


@pytest.mark.parametrize("path", ["photos", "batches"])
async def test_a_store_that_is_away_at_the_upload_leaves_no_place_taken(
    open_gateway: OpenGateway, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("gateway.app.open_store", lambda _: Store())
    async with open_gateway(Settings(rate_limit="off", canary_interval=3600.0)) as gateway:
        services = gateway.services
        assert isinstance(services.store, Store)
        services.store.away = True
        file = make_photo() if path == "photos" else zip_with(make_photo())
        answer = await gateway.client.post(f"/v1/{path}", files={"file": file})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:limner:problem:state-unavailable")
        assert services.queue.admitted == services.queue.active == services.batches.active == services.desk.busy == 0


async def test_whoever_goes_away_while_the_archive_is_opened_leaves_nothing(
    open_gateway: OpenGateway, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(rate_limit="off", canary_interval=3600.0)) as gateway:
        services, url = gateway.services, gateway.client.base_url
        request = gateway.client.build_request("POST", "/v1/batches", files={"file": zip_with(make_photo())})
        _, writer = await asyncio.open_connection(url.host, url.port)
        lines = (f"{name}: {value}\r\n" for name, value in request.headers.items())
        writer.write(b"POST /v1/batches HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n" + request.read())
        await happens(lambda: services.desk.busy == 1)
        writer.transport.abort()
        await happens(lambda: services.queue.admitted == 0)
        assert services.batches.active == services.desk.busy == services.store.held == 0
        assert not any(record.running for record in services.store._records.values())  # type: ignore[attr-defined]


async def test_archives_count_as_uploads(open_gateway: OpenGateway, make_photo: MakePhoto) -> None:
    archive = zip_with(make_photo())
    async with open_gateway(Settings(rate_limit="off", canary_interval=3600.0)) as gateway:
        assert (await gateway.client.post("/v1/batches", files={"file": archive})).status_code == 202
        assert f"uploaded_bytes_total {len(archive):.1f}" in (await gateway.client.get("/metrics")).text


async def test_an_archive_that_is_refused_becomes_no_task(
    open_gateway: OpenGateway, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the metrics, which count it as refused, nor in the log, which a client could fill."""
    monkeypatch.setattr("gateway.app.open_store", lambda _: Store())
    async with open_gateway(Settings(rate_limit="off", canary_interval=3600.0)) as gateway:
        answer = await gateway.client.post("/v1/batches", files={"file": zip_with(make_photo())[:-30]})
        assert answer.status_code == 422
        await happens(lambda: gateway.services.queue.admitted == 0)
        metrics = (await gateway.client.get("/metrics")).text
    assert 'uploads_refused_total{reason="damaged-archive"} 1.0' in metrics
    assert "does not know" not in caplog.text
    assert 'tasks_total{kind="batch"' not in metrics


def zip_with(photo: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("a.png", photo)
    return archive.getvalue()
