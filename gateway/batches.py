"""``/v1/batches``: an archive of photos handed in, asked about, and fetched as a ZIP."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import JSONResponse

from gateway.access.guard import Caller
from gateway.archives.formats import format_of
from gateway.archives.limits import Limits
from gateway.archives.unpack import opened
from gateway.disconnect import unless_disconnected
from gateway.openapi import (
    ARCHIVE_ERRORS,
    FETCH_ERRORS,
    TASK_ERRORS,
    ZIP_RESPONSE,
    event_response,
    form_body,
    problem_responses,
)
from gateway.services import Shared
from gateway.state.sealing import Seal, name_of, wipe
from gateway.tasks.answers import BatchAccepted, BatchResult, batch_result
from gateway.tasks.batch import Batch
from gateway.tasks.delivery import Delivery
from gateway.tasks.desk import TaskBody
from gateway.tasks.events import event_stream
from gateway.tasks.fetching import require_finished
from gateway.tasks.running import Running
from gateway.tasks.zipped import open_index, zip_of_batch
from gateway.upload import read_upload
from limner.errors import QueueFull
from limner.options import parse_options
from limner.settings import Settings

router = APIRouter(tags=["batches"])

BatchId = Annotated[str, Path(description="As the upload's answer named it.")]


@router.post(
    "/v1/batches",
    status_code=202,
    summary="Hand in an archive of photos",
    description="A ZIP or RAR. Its photos are enhanced in the background; the result is a ZIP, with `report.json`.",
    operation_id="submit_batch",
    response_model=BatchAccepted,
    responses=problem_responses(*ARCHIVE_ERRORS),
    openapi_extra={"requestBody": form_body("archive")},
)
async def submit(request: Request, services: Shared, caller: Caller) -> Response:
    settings = services.settings
    with services.metrics.refusals(), ExitStack() as held:
        held.enter_context(services.admission())
        held.enter_context(services.batches.slot())
        with services.uploads.one_of(caller.name):
            await services.limiter.spend(request, caller)
            form = await read_upload(request, settings.max_archive_bytes, "archive")
        held.callback(form.wipe)
        parse_options(form.fields)
        kind = format_of(form.file)
        batch = Batch(
            services.work,
            services.metrics,
            services.audit,
            dict(form.fields),
            request.state.request_id,
            concurrency=settings.batch_concurrency,
            max_held_bytes=settings.max_held_bytes,
        )
        size = len(form.file)
        running = await services.desk.begin("batch", caller)
        running.accepted = False
        unpacked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        services.desk.run(running, _body(form.file, settings, batch, unpacked), held.pop_all().close)
        try:
            await unless_disconnected(request, _outcome(unpacked))
        except BaseException:
            if running.work is not None:
                running.work.cancel()
            await services.desk.abandon(running)
            raise
        services.took(kind="batch", client=caller, size=size, file_type=kind, task=running.name)
    place = f"/v1/batches/{running.task_id}"
    accepted = BatchAccepted(
        batch_id=running.task_id,
        status="pending",
        message=f"{unpacked.result()} files. Ask {place} how far they are, then fetch {place}/archive.",
    )
    return JSONResponse(accepted.model_dump(), 202, {"Location": place, "Cache-Control": "no-store"})


def _body(archive: bytearray, settings: Settings, batch: Batch, unpacked: asyncio.Future[int]) -> TaskBody:
    """Unpacks in the task itself: it owns the unpacking process, whatever becomes of the request."""

    async def run(running: Running) -> dict[str, Any]:
        try:
            async with opened(archive, Limits.of(settings)) as unpacker:
                wipe(archive)
                archive.clear()
                running.accepted = True
                if not unpacked.done():
                    unpacked.set_result(unpacker.total)
                return await batch.run(running, unpacker)
        except Exception as error:
            if not unpacked.done():
                unpacked.set_exception(error)
            raise
        finally:
            unpacked.cancel()  # whatever happened, the request must not wait for ever

    return run


async def _outcome(unpacked: asyncio.Future[int]) -> int:
    return await unpacked


@router.get(
    "/v1/batches/{batch_id}",
    summary="Ask how far a batch is",
    operation_id="batch_status",
    responses=problem_responses(*TASK_ERRORS),
)
async def status(batch_id: BatchId, services: Shared, caller: Caller, response: Response) -> BatchResult:
    response.headers["Cache-Control"] = "no-store"
    return batch_result(batch_id, await services.desk.read(batch_id, "batch", caller))


@router.get(
    "/v1/batches/{batch_id}/events",
    summary="Be told how far a batch is",
    description="Server-sent events: `progress`, and `done` at the end.",
    operation_id="batch_events",
    response_class=Response,
    responses={200: event_response(BatchResult), **problem_responses(*TASK_ERRORS, QueueFull)},
)
async def events(batch_id: BatchId, services: Shared, caller: Caller) -> Response:
    async def look() -> BatchResult:
        return batch_result(batch_id, await services.desk.read(batch_id, "batch", caller))

    return await event_stream(look, services.desk.closing, services.streams.one_of(caller.name))


@router.get(
    "/v1/batches/{batch_id}/archive",
    summary="Fetch the results, once",
    description="A ZIP of the enhanced photos under their own names, and `report.json`. After that they are wiped. "
    "When the connection breaks half way, it can be fetched again.",
    operation_id="batch_archive",
    response_class=Response,
    responses={200: ZIP_RESPONSE, **problem_responses(*TASK_ERRORS, *FETCH_ERRORS)},
)
async def archive(batch_id: BatchId, services: Shared, caller: Caller) -> Response:
    record = await services.desk.read(batch_id, "batch", caller)
    require_finished(record, caller)
    name = name_of(batch_id)
    sealed = await services.desk.shelf.take(name, record)
    seal = Seal(batch_id, record.salt)
    index = open_index(seal, sealed)

    async def delivered() -> None:
        seal.wipe()
        services.handed_out(kind="batch", client=caller, size=record.result_bytes, task=name)
        await services.desk.shelf.delivered(name)

    async def broken_off() -> None:
        seal.wipe()
        services.broke_off(kind="batch", client=caller, size=record.result_bytes, task=name)
        await services.desk.shelf.give_back(name, record, sealed)

    return Delivery(
        zip_of_batch(services.store, name, seal, index),
        delivered=delivered,
        broken_off=broken_off,
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="limner.zip"'},
    )


@router.delete(
    "/v1/batches/{batch_id}",
    summary="Cancel a batch, or wipe its results",
    operation_id="delete_batch",
    responses=problem_responses(*TASK_ERRORS),
)
async def delete(batch_id: BatchId, services: Shared, caller: Caller) -> BatchAccepted:
    await services.desk.delete(batch_id, "batch", caller)
    return BatchAccepted(batch_id=batch_id, status="cleaned", message="Nothing of the batch is left.")
