"""Photos of tasks and archives wait for a server that restarts; nobody waits for one that is gone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import pytest
from PIL import Image
from tritonclient.grpc import service_pb2

from gateway.metrics import Metrics
from gateway.readiness import Readiness, watch
from gateway.tasks.queue import Queue
from gateway.tasks.work import TRIES, Job, Work
from gateway.triton import TritonClient
from limner.errors import DamagedImage, InferenceUnavailable, QueueFull
from tests.gateway.fake_triton import DEAD_STUB, FULL, RESULT, FakeTriton, listening

pytestmark = pytest.mark.timeout(60)

INTERNAL = grpc.StatusCode.INTERNAL


class Choosy(FakeTriton):
    """``words`` refuse photos, while canaries pass."""

    words = ""

    async def infer(
        self, request: service_pb2.ModelInferRequest, context: grpc.aio.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        if self.words:
            self.refusal = (INTERNAL, self.words) if request.id != "canary" else None
        return await super().infer(request, context)


class Place:
    """A server that comes and goes on its port, and a gateway's work in front of it."""

    def __init__(self) -> None:
        self.triton = Choosy()
        self.queue = Queue(1, 8)
        self.readiness = Readiness(0.2)
        self._open: AsyncExitStack | None = None

    async def start(self) -> None:
        self._open = AsyncExitStack()
        port = int(self.triton.address.rpartition(":")[2] or 0)
        await self._open.enter_async_context(listening(self.triton, port=port))

    async def stop(self) -> None:
        if self._open is not None:
            await self._open.aclose()
            self._open = None

    def work(self, client: TritonClient) -> Work:
        return Work(client, self.queue, Metrics(lambda: 0, lambda: 0, lambda: 0), self.readiness, 30.0)


@pytest.fixture
def job() -> Job:
    encoded = io.BytesIO()
    Image.new("RGB", (8, 8)).save(encoded, "PNG")
    return Job.of(bytearray(encoded.getvalue()), "a.png", {}, "1")


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr("gateway.tasks.work.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("gateway.readiness._LOOK_SECONDS", 0.02)
    place = Place()
    await place.start()
    yield place
    await place.stop()


@pytest.fixture
async def work(place: Place) -> AsyncIterator[Work]:
    client = TritonClient(place.triton.address)
    watching = asyncio.create_task(watch(place.readiness, client, lambda _: None))
    yield place.work(client)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await client.close()


async def enhanced(work: Work, job: Job, *, patient: bool = True) -> bytes:
    return (await work.enhance(job, work.queue.ticket(), patient=patient)).image


async def until_failing(place: Place) -> None:
    while place.readiness._failing_since is None:
        await asyncio.sleep(0.01)


async def test_a_server_that_comes_back_gets_those_that_wait(place: Place, work: Work, job: Job) -> None:
    await place.stop()
    waiting = [asyncio.create_task(enhanced(work, job)) for _ in range(3)]
    await until_failing(place)
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in waiting)
    await place.start()
    assert await asyncio.gather(*waiting) == [RESULT] * 3
    assert len(place.triton.photos) == 3


async def test_a_process_that_died_is_waited_for(place: Place, work: Work, job: Job) -> None:
    place.triton.refusal = (INTERNAL, DEAD_STUB)
    waiting = asyncio.create_task(enhanced(work, job))
    await until_failing(place)
    place.triton.refusal = None
    assert await waiting == RESULT


async def test_whoever_has_the_photo_is_told_at_once(place: Place, work: Work, job: Job) -> None:
    place.triton.refusal = (INTERNAL, DEAD_STUB)
    with pytest.raises(InferenceUnavailable):
        await enhanced(work, job, patient=False)
    assert len(place.triton.photos) == 1


async def test_a_server_that_is_gone_is_given_up_once_for_all(
    place: Place, work: Work, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.readiness.RETURN_SECONDS", 0.5)
    place.triton.refusal = (INTERNAL, DEAD_STUB)
    ended = await asyncio.gather(*(enhanced(work, job) for _ in range(4)), return_exceptions=True)
    assert [type(error) for error in ended] == [InferenceUnavailable] * 4
    assert len(place.triton.photos) == 4, "only the first was waited for"
    assert (work.queue.active, work.queue.queued) == (0, 0)


@pytest.mark.parametrize(
    ("words", "error", "times"),
    [(DEAD_STUB, InferenceUnavailable, TRIES), (FULL, QueueFull, TRIES), ("[damaged-image] No.", DamagedImage, 1)],
    ids=["ends servers", "finds no place", "damaged"],
)
async def test_a_photo_that_fails_while_others_pass(
    place: Place, work: Work, job: Job, words: str, error: type[Exception], times: int
) -> None:
    """It may be what ends servers, and must not do so for ever; a bad photo is not tried again."""
    place.triton.words = words
    with pytest.raises(error):
        await enhanced(work, job)
    assert len(place.triton.photos) == times


async def test_who_goes_away_gives_up_the_turn(place: Place, work: Work, job: Job) -> None:
    await place.stop()
    waiting = asyncio.create_task(enhanced(work, job))
    await until_failing(place)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert work.queue.active == 0
