"""The ways that a photo may go: at once, as a task, in a batch, past the gateway; and those that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import httpx
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from gateway.filenames import content_disposition
from limner.errors import LimnerError
from limner.options import parse_options
from tests.reliability.outcome import Outcome, of_error, of_failure, of_result, query_of, without_times
from tests.reliability.photos import Case

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 100.0
RUNNING = {"pending", "processing"}

Form = dict[str, tuple[str, bytes]]


class Site:
    """Gateways that share their tasks, and a Triton behind them. What one of them takes, the next one hands out."""

    def __init__(self, gateways: Sequence[str], triton_url: str) -> None:
        self._clients = [httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) for url in gateways]
        self._turn = 0
        self.triton = triton.InferenceServerClient(triton_url)

    async def __aenter__(self) -> Site:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()
        await self.triton.close()

    def pair(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        """Who takes a photo and who hands its result out; one and the same where there is one gateway."""
        self._turn += 1
        return self._clients[self._turn % len(self._clients)], self._clients[(self._turn + 1) % len(self._clients)]


async def at_once(site: Site, case: Case) -> Outcome:
    """``POST /v1/enhance``."""
    taker, _ = site.pair()
    answer = await taker.post("/v1/enhance", files=form(case), data=case.fields)
    return _of_problem(answer) if answer.is_error else _of_answer(answer, case)


async def as_task(site: Site, case: Case) -> Outcome:
    """``POST /v1/photos``; asked about and fetched at the next gateway."""
    taker, giver = site.pair()
    answer = await taker.post("/v1/photos", files=form(case), data=case.fields)
    if answer.is_error:
        return _of_problem(answer)
    place = answer.headers["location"]
    state = await finished(giver, place)
    if state["status"] == "failed":
        return of_error(state["error_type"], state["error_message"])
    assert state["status"] == "completed", state
    image = await giver.get(f"{place}/image")
    assert image.status_code == 200, image.text
    outcome = _of_answer(image, case)
    assert (await taker.get(f"{place}/image")).status_code == 410
    return Outcome(outcome.sha256, without_times(state["report"]), outcome.compact)


async def by_events(site: Site, case: Case) -> Outcome:
    """As a task, whose end an event stream tells of."""
    taker, giver = site.pair()
    answer = await taker.post("/v1/photos", files=form(case), data=case.fields)
    if answer.is_error:
        return _of_problem(answer)
    place = answer.headers["location"]
    async with giver.stream("GET", f"{place}/events") as stream:
        text = (await stream.aread()).decode()
    state = json.loads(text.partition("event: done\ndata: ")[2].partition("\n")[0])
    assert place.endswith(state["task_id"])
    if state["status"] == "failed":
        return of_error(state["error_type"], state["error_message"])
    image = await giver.get(f"{place}/image")
    assert image.status_code == 200, image.text
    outcome = _of_answer(image, case)
    return Outcome(outcome.sha256, without_times(state["report"]), outcome.compact)


async def past_the_gateway(site: Site, case: Case) -> Outcome:
    """Triton's gRPC."""
    try:
        parameters = parse_options(case.parameters).to_parameters()
        answer = await site.triton.infer("face_enhance", [query_of(case.photo)], parameters=parameters)
    except LimnerError as error:
        return of_error(error.type, error.message)
    except InferenceServerException as failure:
        return of_failure(failure)
    return of_result(answer.as_numpy("IMAGE").tobytes(), json.loads(answer.as_numpy("REPORT")[0]))


async def in_a_batch(site: Site, cases: Sequence[Case]) -> list[Outcome]:
    """``POST /v1/batches``: the options are those of the first, and all names are alike but for their endings."""
    taker, giver = site.pair()
    archive = packed(cases)
    answer = await taker.post("/v1/batches", files={"file": ("照片.zip", archive)}, data=cases[0].fields)
    assert answer.status_code == 202, answer.text
    place = answer.headers["location"]
    state = await finished(giver, place)
    assert (state["status"], state["total_files"]) == ("completed", len(cases)), state
    results, report = opened((await giver.get(f"{place}/archive")).content)
    assert len(report["photos"]) == len(cases)
    assert set(results) == {entry["result"] for entry in report["photos"] if entry["status"] == "completed"}
    return [_of_entry(entry, results) for entry in report["photos"]]


async def cancelled_as_task(site: Site, case: Case, seconds: float) -> None:
    """Handed in, and deleted ``seconds`` later at the next gateway."""
    taker, giver = site.pair()
    answer = await taker.post("/v1/photos", files=form(case), data=case.fields)
    if answer.is_error:
        return
    place = answer.headers["location"]
    await asyncio.sleep(seconds)
    assert (await giver.delete(place)).status_code == 200
    assert (await taker.get(place)).json()["status"] == "cleaned"
    assert (await giver.get(f"{place}/image")).status_code == 410


async def gone_away(site: Site, case: Case, seconds: float) -> None:
    """``POST /v1/enhance``, from a client that closes its connection after ``seconds``."""
    taker, _ = site.pair()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(taker.post("/v1/enhance", files=form(case), data=case.fields), seconds)


async def cancelled_past_the_gateway(site: Site, case: Case, seconds: float) -> None:
    """Triton's gRPC, from a client that cancels after ``seconds``."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(past_the_gateway(site, case), seconds)


async def finished(client: httpx.AsyncClient, place: str) -> dict[str, Any]:
    """The state of a task that is over."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        answer = await client.get(place)
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        if state["status"] not in RUNNING:
            return state
        assert asyncio.get_running_loop().time() < deadline, state
        await asyncio.sleep(LOOK_SECONDS)


def form(case: Case) -> Form:
    """``files`` of httpx."""
    return {"file": (case.name, case.photo)}


def packed(cases: Sequence[Case]) -> bytes:
    """A ZIP in which the names of all photos differ in their endings at most."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, case in enumerate(cases):
            # An ending for each, of which none stays: the results would have one name.
            name = f"人像/照片.{('jpg', 'jpeg', 'jpe', 'jfif', 'JPG', 'Jpg')[number]}"
            archive.writestr(zipfile.ZipInfo(name), case.photo)
    return target.getvalue()


def opened(archive: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The results of a batch by name, and its report."""
    with zipfile.ZipFile(io.BytesIO(archive)) as results:
        contents = {name: results.read(name) for name in results.namelist()}
    assert len(contents) == len(results.namelist()), "two results have one name"
    return contents, json.loads(contents.pop("report.json"))


def _of_entry(entry: dict[str, Any], results: dict[str, bytes]) -> Outcome:
    if entry["status"] != "completed":
        return of_error(entry["error"]["type"], entry["error"]["message"])
    own = {"name", "status", "result", "processing_time"}
    return of_result(results[entry["result"]], {key: value for key, value in entry.items() if key not in own})


def _of_problem(answer: httpx.Response) -> Outcome:
    problem = answer.json()
    return of_error(problem["type"], problem["detail"])


def _of_answer(answer: httpx.Response, case: Case) -> Outcome:
    """What an image's answer tells; the whole report is not in it."""
    report = json.loads(answer.headers["limner-report"])
    assert answer.headers["content-disposition"] == content_disposition(case.name, report["output"]["format"])
    made = of_result(answer.content, report)
    return Outcome(made.sha256, "", made.compact)
