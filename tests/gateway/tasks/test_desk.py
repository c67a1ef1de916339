"""A task at the desk, from its beginning to its end, with a store that fails and other gateways beside."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from gateway.access.client import Client
from gateway.access.rate_limit import RateLimiter
from gateway.archives.entries import Entry, Photo, Skipped
from gateway.audit import Audit
from gateway.batches import _body
from gateway.capacity import Capacity, PerClient
from gateway.metrics import Metrics
from gateway.readiness import Readiness
from gateway.services import Services
from gateway.state.memory import MemoryStore
from gateway.state.record import Record
from gateway.state.sealing import Seal, name_of
from gateway.state.store import TOMBSTONE_SECONDS
from gateway.tasks import desk as desk_module
from gateway.tasks import events
from gateway.tasks import shelf as shelf_module
from gateway.tasks.answers import EnhancementResult, photo_result
from gateway.tasks.batch import Batch
from gateway.tasks.desk import Desk
from gateway.tasks.photo import DETAIL, RESULT, photo_task
from gateway.tasks.queue import Queue
from gateway.tasks.running import Running
from gateway.tasks.work import Job, Work
from gateway.triton import Enhanced
from limner.errors import DamagedImage, NotFound, StateUnavailable
from limner.settings import Settings

pytestmark = pytest.mark.timeout(60)

MakePhoto = Callable[..., bytes]

ANYBODY = Client("address:203.0.113.7", "", frozenset({"enhance"}))
RESULT_BYTES = b"result of " * 20_000


class Triton:
    """Stands in for the models: ``enhance`` waits for ``free``, then gives a result or raises ``error``."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.error: Exception | None = None
        self.cancelled = 0

    async def enhance(self, image: bytearray, *_: object, **__: object) -> Enhanced:
        assert any(image), "wiped before its time"
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Enhanced(RESULT_BYTES, "png", {"faces": [], "quality_metrics": {}})


class Store(MemoryStore):
    """The store in memory, which may be away, and whose calls may take long, as those of one on a network do."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.called: list[str] = []
        self.stuck: dict[str, asyncio.Event] = {}
        """Calls that reach the store when the event is set."""
        self.slowness: Callable[[], float] | None = None
        self.dead: set[str] = set()

    async def _pass(self, method: str) -> None:
        self.called.append(method)
        await asyncio.sleep(0 if self.slowness is None else self.slowness() / 100)
        if self.away:
            raise StateUnavailable("The store is away.")
        if event := self.stuck.get(method):
            await event.wait()

    async def read(self, name: str) -> Record | None:
        await self._pass("read")
        return await super().read(name)

    async def write(self, name: str, record: Record) -> bool:
        await self._pass("write")
        return await super().write(name, record)

    async def clean(self, name: str) -> Record | None:
        await self._pass("clean")
        return await super().clean(name)

    async def get_blob(self, name: str, part: str) -> bytes | bytearray | None:
        await self._pass("get_blob")
        return await super().get_blob(name, part)

    async def take_blob(self, name: str, part: str, taker: str = "") -> bytes | bytearray | None:
        await self._pass("take_blob")
        return await super().take_blob(name, part, taker)

    async def put_blob(self, name: str, part: str, sealed: bytearray, expires: float) -> None:
        await self._pass("put_blob")
        await super().put_blob(name, part, sealed, expires)

    async def keep_blobs(self, name: str, expires: float) -> None:
        await self._pass("keep_blobs")
        await super().keep_blobs(name, expires)

    async def beat(self, owner: str) -> None:
        await self._pass("beat")
        await super().beat(owner)

    async def is_alive(self, owner: str) -> bool:
        return owner not in self.dead


class House:
    """A desk with all that stands around it, and photos to hand in."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store()
        self.triton = Triton()
        self.queue = Queue(settings.max_tasks, settings.max_queue)
        self.metrics = Metrics(lambda: 0, lambda: 0, lambda: 0)
        self.audit = Audit(logging.getLogger("limner.audit"))
        self.work = Work(self.triton, self.queue, self.metrics, Readiness(10.0), 60.0)  # type: ignore[arg-type]
        self.desk = Desk(self.store, self.metrics, self.audit, result_ttl=settings.result_ttl)
        self.services = Services(
            settings=settings,
            triton=self.triton,  # type: ignore[arg-type]
            store=self.store,
            queue=self.queue,
            batches=Capacity(settings.max_batches),
            uploads=PerClient(15, "uploads"),
            streams=PerClient(15, "event streams"),
            work=self.work,
            desk=self.desk,
            limiter=RateLimiter.from_settings(settings),
            metrics=self.metrics,
            readiness=Readiness(10.0),
            audit=self.audit,
        )

    def desk_of_another(self) -> Desk:
        """Of a gateway beside, with the same store."""
        return Desk(self.store, self.metrics, self.audit, result_ttl=300.0)

    async def hand_in(self, photo: bytes, client: Client = ANYBODY) -> tuple[Running, bytearray]:
        """What ``POST /v1/photos`` does once the upload is read; the task, and the photo that it is to wipe."""
        image = bytearray(photo)
        job = Job.of(image, "a.png", {}, "request")
        ticket = self.queue.ticket()
        try:
            running = await self.desk.begin("photo", client, queue_position=ticket.position)
        except StateUnavailable:
            self.queue.leave(ticket)
            raise
        running.position = lambda: ticket.position

        def afterwards() -> None:
            self.queue.leave(ticket)
            image[:] = bytes(len(image))

        self.desk.run(running, photo_task(job, ticket, self.work, self.metrics, self.audit), afterwards)
        return running, image

    async def status(self, running: Running, client: Client = ANYBODY) -> str:
        return (await self.desk.read(running.task_id, running.record.kind, client)).status

    async def has(self, running: Running, *statuses: str) -> None:
        """Wait until the task has one of ``statuses``."""
        await until(lambda: self.status(running), *statuses)

    def batch(self, concurrency: int = 2) -> Batch:
        return Batch(
            self.work,
            self.metrics,
            self.audit,
            {},
            "request",
            concurrency=concurrency,
            max_held_bytes=self.services.settings.max_held_bytes,
        )

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watch = asyncio.create_task(self.desk.watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


class Unpacked:
    """Stands in for the process of an archive."""

    def __init__(self, *entries: Entry) -> None:
        self.total = len(entries)
        self._entries = entries

    async def __aiter__(self) -> AsyncIterator[Entry]:
        for entry in self._entries:
            await asyncio.sleep(0)
            yield entry


async def until(look: Callable[[], Awaitable[object]], *wanted: object) -> None:
    async def wait() -> None:
        while await look() not in wanted:
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), 10)


async def happens(condition: Callable[[], bool]) -> None:
    async def look() -> bool:
        return condition()

    await until(look, True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "BEAT_SECONDS", 0.01)


@pytest.fixture
def complaints() -> list[dict[str, Any]]:
    """What asyncio has to say of tasks whose end nobody looked at."""
    return []


@pytest.fixture
async def house(complaints: list[dict[str, Any]]) -> AsyncIterator[House]:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    house = House(Settings(rate_limit="off"))
    yield house
    house.store.away = False
    house.store.stuck.clear()
    house.triton.free.set()
    await house.desk.close()


async def test_from_pending_to_cleaned(house: House, make_photo: MakePhoto) -> None:
    house.triton.free.clear()
    running, image = await house.hand_in(make_photo())
    assert await house.status(running) == "pending"
    await house.has(running, "processing")
    assert any(image)
    house.triton.free.set()
    await house.has(running, "completed")
    await happens(lambda: not house.desk.busy)
    assert not any(image)
    assert house.queue.active == 0
    assert house.desk.shelf.unfetched == 1
    record = await house.store.read(running.name)
    assert record is not None
    assert record.result_bytes == len(RESULT_BYTES)
    assert record.finished is not None
    assert record.expires == pytest.approx(record.finished + house.desk.result_ttl, abs=1)
    sealed = await house.store.take_blob(running.name, RESULT)
    assert sealed is not None
    with Seal(running.task_id, record.salt) as seal:
        assert seal.open(RESULT, sealed) == RESULT_BYTES
    await house.desk.shelf.delivered(running.name)
    assert await house.status(running) == "cleaned"
    assert house.desk.shelf.unfetched == house.store.held == 0


@pytest.mark.parametrize(
    ("error", "kind"), [(DamagedImage("It is damaged."), "damaged-image"), (KeyError("secret"), "internal-error")]
)
async def test_a_failure_is_told_and_leaves_nothing(
    house: House, make_photo: MakePhoto, error: Exception, kind: str
) -> None:
    house.triton.error = error
    running, image = await house.hand_in(make_photo())
    await house.has(running, "failed")
    await happens(lambda: not house.desk.busy)
    record = await house.store.read(running.name)
    assert record is not None
    assert record.error_type == kind
    assert record.error_message is not None
    assert "secret" not in record.error_message
    assert not any(image)
    assert house.queue.active == house.queue.queued == house.store.held == house.desk.shelf.unfetched == 0


@pytest.mark.parametrize("waiting", [False, True], ids=["at work", "in the queue"])
async def test_deletion_cancels(house: House, make_photo: MakePhoto, waiting: bool) -> None:
    house.triton.free.clear()
    others = [house.queue.ticket() for _ in range(house.queue.limit)] if waiting else []
    running, image = await house.hand_in(make_photo())
    await house.has(running, "pending" if waiting else "processing")
    await house.desk.delete(running.task_id, "photo", ANYBODY)
    await happens(lambda: not house.desk.busy)
    assert await house.status(running) == "cleaned"
    assert house.triton.cancelled == (0 if waiting else 1)
    assert not any(image)
    assert (house.queue.active, house.queue.queued, house.store.held) == (len(others), 0, 0)


async def test_what_is_deleted_while_it_is_sealed_is_not_kept(house: House, make_photo: MakePhoto) -> None:
    stuck = house.store.stuck["put_blob"] = asyncio.Event()
    running, _ = await house.hand_in(make_photo())
    await happens(lambda: "put_blob" in house.store.called)
    await house.store.clean(running.name)  # another gateway did
    stuck.set()
    await happens(lambda: not house.desk.busy)
    assert await house.status(running) == "cleaned"
    assert house.store.held == house.desk.shelf.unfetched == 0


async def test_what_another_gateway_deleted_is_cancelled(house: House, make_photo: MakePhoto) -> None:
    house.triton.free.clear()
    async with house.watched():
        running, image = await house.hand_in(make_photo())
        await house.has(running, "processing")
        await house.store.clean(running.name)
        await happens(lambda: not house.desk.busy)
    assert house.triton.cancelled == 1
    assert not any(image)
    assert await house.status(running) == "cleaned"


async def test_results_expire(make_photo: MakePhoto) -> None:
    house = House(Settings(result_ttl=1.0))
    house.desk.result_ttl = 0.05
    async with house.watched():
        running, _ = await house.hand_in(make_photo())
        await happens(lambda: not house.desk.busy and house.store.held == 0)
    assert await house.status(running) == "cleaned"
    assert house.desk.shelf.unfetched == 0
    await house.desk.close()


async def test_whoever_asks_after_the_end_finds_it_wiped(house: House, make_photo: MakePhoto) -> None:
    house.desk.result_ttl = 0.01
    running, _ = await house.hand_in(make_photo())
    await happens(lambda: not house.desk.busy)
    assert house.store.held > 0
    await asyncio.sleep(0.02)
    assert await house.status(running) == "cleaned"  # nobody watches here
    assert house.store.held == house.desk.shelf.unfetched == 0


async def test_what_runs_does_not_expire(house: House, make_photo: MakePhoto) -> None:
    house.desk.result_ttl = 0.01
    house.triton.free.clear()
    async with house.watched():
        running, _ = await house.hand_in(make_photo())
        await house.has(running, "processing")
        await asyncio.sleep(0.05)
        assert await house.status(running) == "processing"


async def test_a_store_that_is_away_for_a_while_costs_no_result(house: House, make_photo: MakePhoto) -> None:
    house.triton.free.clear()
    async with house.watched():
        running, _ = await house.hand_in(make_photo())
        await house.has(running, "processing")
        house.store.away = True
        house.triton.free.set()
        with pytest.raises(StateUnavailable):
            await house.status(running)
        before = len(house.store.called)
        await happens(lambda: len(house.store.called) > before + 10)
        assert house.desk.busy == 1
        house.store.away = False
        await house.has(running, "completed")
    assert house.store.held > len(RESULT_BYTES)


async def test_a_gateway_that_is_dead_has_its_tasks_declared_lost(house: House, make_photo: MakePhoto) -> None:
    house.triton.free.clear()
    running, image = await house.hand_in(make_photo())
    await house.has(running, "processing")
    other = Desk(house.store, house.metrics, house.audit, result_ttl=300.0)
    assert (await other.read(running.task_id, "photo", ANYBODY)).status == "processing"
    house.store.dead.add(running.record.owner)
    record = await other.read(running.task_id, "photo", ANYBODY)
    assert (record.status, record.error_type) == ("failed", "inference-unavailable")
    async with house.watched():  # it was not dead after all, and learns of it
        await happens(lambda: not house.desk.busy)
    assert not any(image)
    assert house.store.held == 0


async def test_what_was_declared_lost_stays_failed(house: House, make_photo: MakePhoto) -> None:
    """Nobody deleted it: the client, who may not have looked yet, is to learn why there is no result."""
    house.triton.free.clear()
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "processing")
    other = Desk(house.store, house.metrics, house.audit, result_ttl=300.0)
    house.store.dead.add(running.record.owner)
    await other.read(running.task_id, "photo", ANYBODY)
    async with house.watched():
        await happens(lambda: not house.desk.busy)
    assert await house.status(running) == "failed"


async def test_closing_fails_what_runs_and_wipes_what_waits(house: House, make_photo: MakePhoto) -> None:
    waiting, _ = await house.hand_in(make_photo())
    await house.has(waiting, "completed")
    blobs = list(house.store._blobs[waiting.name].values())
    house.triton.free.clear()
    running, image = await house.hand_in(make_photo())
    await house.has(running, "processing")
    await house.desk.close()
    assert (running.record.status, running.record.error_type) == ("failed", "shutting-down")
    assert not any(image)
    assert not any(map(any, blobs))
    assert house.queue.active == house.desk.busy == 0


async def test_a_task_that_is_cancelled_before_it_begins_frees_what_it_held(
    house: House, make_photo: MakePhoto
) -> None:
    running, image = await house.hand_in(make_photo())
    assert running.work is not None
    running.work.cancel()
    await happens(lambda: not house.desk.busy)
    assert not any(image)
    assert house.queue.active == 0


async def test_tasks_of_others(house: House, make_photo: MakePhoto) -> None:
    alice, bob, boss = (
        Client(f"key:{name}", name, frozenset({"enhance", *roles}))
        for name, roles in (("alice", ()), ("bob", ()), ("boss", ("admin",)))
    )
    running, _ = await house.hand_in(make_photo(), alice)
    await until(lambda: house.status(running, alice), "completed")
    for ask in (house.desk.read, house.desk.delete):
        with pytest.raises(NotFound) as others:
            await ask(running.task_id, "photo", bob)
        with pytest.raises(NotFound) as unknown:
            await ask("0" * 32, "photo", bob)
        assert others.value.message == unknown.value.message
        with pytest.raises(NotFound):
            await ask(running.task_id, "batch", alice)
    assert await house.status(running, boss) == "completed"


async def test_a_task_ends_although_the_store_was_away_for_too_long(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gateway lives and nobody works on it: it must not be `processing` for ever."""
    monkeypatch.setattr(desk_module, "PERSIST_SECONDS", 0.03)
    house.triton.free.clear()
    async with house.watched():
        running, _ = await house.hand_in(make_photo())
        await house.has(running, "processing")
        house.store.away = True
        house.triton.free.set()
        await happens(lambda: not house.desk.busy)
        house.store.away = False
        await asyncio.sleep(0.1)
        assert await house.status(running) in {"completed", "failed"}


async def test_wiping_that_takes_long_does_not_stop_the_heart(house: House, make_photo: MakePhoto) -> None:
    """Others declare a gateway dead, and its tasks lost, that says nothing for four seconds."""
    house.desk.result_ttl = 0.01
    await house.hand_in(make_photo())
    await happens(lambda: not house.desk.busy)
    house.triton.free.clear()
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "processing")
    stuck = house.store.stuck["clean"] = asyncio.Event()
    async with house.watched():
        await happens(lambda: "clean" in house.store.called)
        before = house.store.called.count("beat")
        await happens(lambda: house.store.called.count("beat") > before + 2)
        stuck.set()


async def test_a_beat_that_meets_the_end_of_a_task_does_not_cancel_it(
    house: House, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    """The beat's `processing` reaches the store after `completed`, and is refused: no reason to stop the work."""
    house.triton.free.clear()
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "processing")
    beat_stuck = house.store.stuck["write"] = asyncio.Event()
    async with house.watched():
        calls = house.store.called.count("write")
        await happens(lambda: house.store.called.count("write") > calls)  # the beat is on its way, with `processing`
        late = house.store.stuck["write"] = asyncio.Event()
        late.set()
        answered = asyncio.Event()
        write = MemoryStore.write

        async def slow_to_answer(name: str, record: Record) -> bool:
            written = await write(house.store, name, record)
            if record.status == "completed":
                beat_stuck.set()
                await answered.wait()  # the store has it; its answer is still on the way
            return written

        house.store.write = slow_to_answer  # type: ignore[method-assign]
        house.triton.free.set()
        await happens(beat_stuck.is_set)
        await asyncio.sleep(0.02)
        answered.set()
        await happens(lambda: not house.desk.busy)
    assert await house.status(running) == "completed"
    assert "does not know" not in caplog.text
    assert house.desk.shelf.unfetched == 1, "nobody will wipe it when its time is over"


async def test_photos_of_a_deleted_batch_are_wiped(house: House, make_photo: MakePhoto) -> None:
    """Those at work, and the one that was unpacked and waits for a place."""
    house.triton.free.clear()
    photos = [Photo(f"{number}.png", bytearray(make_photo())) for number in range(5)]
    running = await house.desk.begin("batch", ANYBODY)
    batch, unpacked = house.batch(concurrency=2), Unpacked(*photos)
    house.desk.run(running, lambda it: batch.run(it, unpacked), lambda: None)  # type: ignore[arg-type]
    await happens(lambda: house.queue.active == 2)
    await asyncio.sleep(0.02)
    await house.desk.delete(running.task_id, "batch", ANYBODY)
    await happens(lambda: not house.desk.busy)
    assert house.queue.active == house.queue.queued == house.store.held == 0
    assert await house.status(running) == "cleaned"
    given = photos[:3]
    assert [any(photo.data) for photo in given] == [False, False, False]


async def test_a_batch_that_cannot_count_leaves_no_task_unheard(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, complaints: list[dict[str, Any]]
) -> None:
    """The store is away for too long while photos of a batch end one after the other."""
    monkeypatch.setattr(desk_module, "PERSIST_SECONDS", 0.0)
    photos = [Photo(f"{number}.png", bytearray(make_photo())) for number in range(6)]
    running = await house.desk.begin("batch", ANYBODY)
    batch, unpacked = house.batch(concurrency=1), Unpacked(*photos)
    ended = batch._photo

    async def then_away(running: Running, number: int, photo: Photo) -> None:
        house.store.away = number == 2  # for the time of one photo
        await ended(running, number, photo)

    monkeypatch.setattr(batch, "_photo", then_away)
    house.desk.run(running, lambda it: batch.run(it, unpacked), lambda: None)  # type: ignore[arg-type]
    await happens(lambda: not house.desk.busy)
    gc.collect()
    assert [context["message"] for context in complaints] == []


async def test_the_counts_of_a_batch_add_up_although_the_store_was_away(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "PERSIST_SECONDS", 0.0)
    entries = [Photo("a.png", bytearray(make_photo())), *(Skipped(f"{number}.txt", "No photo.") for number in range(4))]
    running = await house.desk.begin("batch", ANYBODY)
    batch = house.batch()
    passed_over = batch._passed_over

    def then_away(number: int, entry: Any) -> None:
        passed_over(number, entry)
        house.store.away = number == 2
        asyncio.get_running_loop().call_later(0.05, setattr, house.store, "away", False)

    monkeypatch.setattr(batch, "_passed_over", then_away)
    house.desk.run(running, lambda it: batch.run(it, Unpacked(*entries)), lambda: None)  # type: ignore[arg-type]
    await happens(lambda: not house.desk.busy)
    assert batch.processed + batch.failed + batch.skipped == len(entries)


async def test_a_batch_that_is_cancelled_while_it_is_unpacked_lets_the_request_go(
    house: House, make_photo: MakePhoto
) -> None:
    archive = bytearray(b"PK\x03\x04" + bytes(1000))
    unpacked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = await house.desk.begin("batch", ANYBODY)
    house.desk.run(running, _body(archive, house.services.settings, house.batch(), unpacked), lambda: None)
    await asyncio.sleep(0.02)
    assert running.work is not None
    running.work.cancel()
    await happens(lambda: not house.desk.busy)
    assert unpacked.done()
    with suppress(asyncio.CancelledError):
        unpacked.exception()


async def test_what_comes_back_after_all_was_forgotten_is_not_kept(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client reads so slowly that even the tombstone's time is over when the connection breaks."""
    monkeypatch.setattr(shelf_module, "LOOK_AGAIN_SECONDS", 0.01)
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "completed")
    record = house.store._records[running.name]
    sealed = await house.desk.shelf.take(running.name, record)
    over = time.time() - TOMBSTONE_SECONDS - 1
    house.store._records[running.name] = replace(record, expires=over)
    house.desk.shelf._unfetched = [(over, running.name)]
    async with house.watched():
        await asyncio.sleep(0.05)
        await house.desk.shelf.give_back(running.name, record, sealed)
        await asyncio.sleep(0.2)
    assert house.store.held == 0


async def test_a_store_that_is_away_just_after_the_result_was_taken_costs_no_result(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "completed")
    record = house.store._records[running.name]

    async def away(*_: object) -> None:
        raise StateUnavailable("The store is away.")

    with monkeypatch.context() as patch, suppress(StateUnavailable):
        patch.setattr(house.store, "keep_blobs", away)
        await house.desk.shelf.give_back(running.name, record, await house.desk.shelf.take(running.name, record))
    assert await house.desk.shelf.take(running.name, record)


async def test_results_that_a_store_drops_by_itself_are_told_as_expired(
    house: House, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    """In Redis they go at the very moment when their time is over; the salt in the record, and the audit, wait."""
    caplog.set_level(logging.INFO)
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "completed")
    await happens(lambda: not house.desk.busy)
    house.store._drop_blobs(running.name)
    record = house.store._records[running.name]
    house.store._records[running.name] = replace(record, expires=time.time() - 1)
    house.desk.shelf._unfetched = [(time.time() - 1, running.name)]
    async with house.watched():
        await asyncio.sleep(0.1)
    record = house.store._records[running.name]
    assert (record.status, record.salt) == ("cleaned", "")
    assert house.desk.shelf.unfetched == 0
    assert "cleanup" in caplog.text


async def test_a_delivery_that_meets_the_end_of_its_time_keeps_others_listed(
    house: House, make_photo: MakePhoto
) -> None:
    """While the desk looks whether the first has expired, the first is delivered: the second is still to be wiped."""
    (first, _), (second, _) = [await house.hand_in(make_photo()) for _ in range(2)]
    for running in (first, second):
        await house.has(running, "completed")
    await happens(lambda: not house.desk.busy)
    house.desk.shelf._unfetched = [(time.time() - 1, first.name), (time.time() + 300, second.name)]
    stuck = house.store.stuck["read"] = asyncio.Event()
    async with house.watched():
        await happens(lambda: house.store.called[-1] == "read" or house.desk.shelf.unfetched == 1)
        await house.desk.shelf.delivered(first.name)
        stuck.set()
        await asyncio.sleep(0.05)
    assert [name for _, name in house.desk.shelf._unfetched] == [second.name]


async def test_blobs_of_a_failed_batch_are_overwritten(house: House, make_photo: MakePhoto) -> None:
    kept: list[bytearray] = []

    async def job(running: Running) -> dict[str, Any]:
        with running.seal() as seal:
            kept.append(seal.seal("photo-0", b"a photo"))
        await running.keep("photo-0", kept[0])
        raise DamagedImage("It is damaged.")

    running = await house.desk.begin("batch", ANYBODY)
    house.desk.run(running, job, lambda: None)
    await happens(lambda: not house.desk.busy)
    assert house.store.held == 0
    assert not any(kept[0])


async def test_names_of_tasks_lead_nowhere(
    house: House, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    running, _ = await house.hand_in(make_photo())
    await house.has(running, "completed")
    assert running.name == name_of(running.task_id)
    assert await house.store.get_blob(running.name, DETAIL) is not None
    assert running.task_id not in caplog.text + repr(house.store._records)
    assert "a.png" not in caplog.text + repr(house.store._records)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_at_once_leaves_all_in_order(
    house: House, make_photo: MakePhoto, seed: int, complaints: list[dict[str, Any]]
) -> None:
    """Sixty tasks that succeed, fail and are deleted at any moment, with a store whose answers overtake each other."""
    random = Random(seed)
    house.store.slowness = random.random
    photo, tasks = make_photo(), list[tuple[Running, bytearray]]()

    async def enhance(*_: object, **__: object) -> Enhanced:
        await asyncio.sleep(random.random() / 50)
        if random.random() < 0.3:
            raise DamagedImage("It is damaged.")
        return Enhanced(b"result", "png", {})

    async def one(number: int) -> None:
        await asyncio.sleep(random.random() / 5)
        tasks.append(await house.hand_in(photo))
        running, _ = tasks[-1]
        if number % 2:
            await asyncio.sleep(random.random() / 10)
            with suppress(StateUnavailable):
                await (house.desk.delete if number % 4 == 1 else house.desk_of_another().delete)(
                    running.task_id, "photo", ANYBODY
                )

    async def blips() -> None:
        for _ in range(5):
            await asyncio.sleep(random.random() / 10)
            house.store.away = True
            await asyncio.sleep(random.random() / 50)
            house.store.away = False

    house.triton.enhance = enhance  # type: ignore[method-assign]
    async with house.watched():
        outcomes = await asyncio.gather(*(one(number) for number in range(60)), blips(), return_exceptions=True)
        await happens(lambda: not house.desk.busy)
        await asyncio.sleep(0.1)
    assert all(outcome is None or isinstance(outcome, StateUnavailable) for outcome in outcomes)
    assert (house.queue.active, house.queue.queued) == (0, 0)
    assert not any(any(image) for _, image in tasks)
    records, blobs = house.store._records, house.store._blobs
    ends = Counter(records[running.name].status for running, _ in tasks)
    assert set(ends) <= {"completed", "failed", "cleaned"}
    assert len(ends) == 3
    completed = {running.name for running, _ in tasks if records[running.name].status == "completed"}
    assert {name for name, parts in blobs.items() if parts} == completed
    assert {name for _, name in house.desk.shelf._unfetched} >= completed
    assert complaints == []


async def test_events_end_when_the_task_is_forgotten_or_the_server_closes(
    house: House, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.005)
    house.triton.free.clear()
    for end in ("forgotten", "closed", "deleted"):
        running, _ = await house.hand_in(make_photo())
        await house.has(running, "processing")
        stream, closing = list[bytes](), asyncio.Event()

        async def look(running: Running = running) -> EnhancementResult:
            return photo_result(running.task_id, await house.desk.read(running.task_id, "photo", ANYBODY), None)

        async def listen(
            look: Callable[[], Awaitable[EnhancementResult]] = look,
            stream: list[bytes] = stream,
            closing: asyncio.Event = closing,
        ) -> None:
            async for piece in events._events(look, closing):
                stream.append(piece)

        listening = asyncio.create_task(listen())
        await happens(lambda stream=stream: len(stream) == 2)  # type: ignore[misc]
        house.store.away = True
        await asyncio.sleep(0.02)
        house.store.away = False
        if end == "forgotten":
            del house.store._records[running.name]
        elif end == "closed":
            closing.set()
        else:
            await house.desk.delete(running.task_id, "photo", ANYBODY)
        await asyncio.wait_for(listening, 5)
        assert stream[-1].startswith(b"event: done") == (end == "deleted")
