"""``/v1/photos``: a photo handed in, asked about, and fetched later."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import JSONResponse

from gateway.access.guard import Caller
from gateway.filenames import content_disposition
from gateway.openapi import (
    FETCH_ERRORS,
    IMAGE_RESPONSE,
    TASK_ERRORS,
    UPLOAD_ERRORS,
    event_response,
    form_body,
    problem_responses,
)
from gateway.report import REPORT_HEADER, compact_report
from gateway.services import Services, Shared
from gateway.state.record import Record
from gateway.state.sealing import Seal, name_of, wipe
from gateway.tasks.answers import EnhancementResult, PhotoAccepted, photo_result
from gateway.tasks.delivery import Delivery, in_pieces
from gateway.tasks.events import event_stream
from gateway.tasks.fetching import require_finished
from gateway.tasks.photo import DETAIL, RESULT, open_detail, photo_task
from gateway.tasks.work import Job
from gateway.upload import read_upload
from limner.errors import Gone, QueueFull

router = APIRouter(tags=["photos"])

TaskId = Annotated[str, Path(description="As the upload's answer named it.")]


@router.post(
    "/v1/photos",
    status_code=202,
    summary="Hand in a photo",
    description="Answers at once; the photo is enhanced in the background, and its result waits to be fetched.",
    operation_id="submit_photo",
    response_model=PhotoAccepted,
    responses=problem_responses(*UPLOAD_ERRORS),
    openapi_extra={"requestBody": form_body()},
)
async def submit(request: Request, services: Shared, caller: Caller) -> Response:
    with services.metrics.refusals(), ExitStack() as held:
        held.enter_context(services.admission())
        with services.uploads.one_of(caller.name):
            await services.limiter.spend(request, caller)
            form = await read_upload(request, services.settings.max_upload_bytes)
        held.callback(form.wipe)
        job = Job.of(form.file, form.filename, form.fields, request.state.request_id)
        ticket = services.queue.ticket()
        held.callback(services.queue.leave, ticket)
        running = await services.desk.begin(
            "photo", caller, queue_position=ticket.position, estimate=services.work.expected_seconds(job)
        )
        running.position = lambda: ticket.position
        services.took(kind="photo", client=caller, size=len(job.image), file_type=job.header.format, task=running.name)
        task = photo_task(job, ticket, services.work, services.metrics, services.audit)
        services.desk.run(running, task, held.pop_all().close)
    place = f"/v1/photos/{running.task_id}"
    accepted = PhotoAccepted(
        task_id=running.task_id, status="pending", message=f"Ask {place} how far it is, then fetch {place}/image."
    )
    return JSONResponse(accepted.model_dump(), 202, {"Location": place, "Cache-Control": "no-store"})


@router.get(
    "/v1/photos/{task_id}",
    summary="Ask how far a photo is",
    operation_id="photo_status",
    responses=problem_responses(*TASK_ERRORS),
)
async def status(task_id: TaskId, services: Shared, caller: Caller, response: Response) -> EnhancementResult:
    response.headers["Cache-Control"] = "no-store"
    return await _state(services, task_id, await services.desk.read(task_id, "photo", caller))


@router.get(
    "/v1/photos/{task_id}/events",
    summary="Be told how far a photo is",
    description="Server-sent events: `queue`, `progress`, and `done` at the end.",
    operation_id="photo_events",
    response_class=Response,
    responses={200: event_response(EnhancementResult), **problem_responses(*TASK_ERRORS, QueueFull)},
)
async def events(task_id: TaskId, services: Shared, caller: Caller) -> Response:
    async def look() -> EnhancementResult:
        return await _state(services, task_id, await services.desk.read(task_id, "photo", caller))

    return await event_stream(look, services.desk.closing, services.streams.one_of(caller.name))


@router.get(
    "/v1/photos/{task_id}/image",
    summary="Fetch the result, once",
    description="After it was fetched it is wiped. When the connection breaks half way, it can be fetched again.",
    operation_id="photo_image",
    response_class=Response,
    responses={200: IMAGE_RESPONSE, **problem_responses(*TASK_ERRORS, *FETCH_ERRORS)},
)
async def image(task_id: TaskId, services: Shared, caller: Caller) -> Response:
    name = name_of(task_id)
    record = await services.desk.read(task_id, "photo", caller)
    require_finished(record, caller)
    sealed_detail = await services.store.get_blob(name, DETAIL)
    if sealed_detail is None:
        raise Gone("The result has expired. Send the photo again.")
    with Seal(task_id, record.salt) as seal:
        detail = open_detail(seal, sealed_detail)
        # Made before the result is taken: whatever goes wrong here must not cost it.
        headers = {
            "Content-Disposition": content_disposition(detail["filename"], detail["format"]),
            REPORT_HEADER: compact_report(detail["report"]),
        }
        sealed = await services.desk.shelf.take(name, record)
        plain = seal.open(RESULT, sealed)
    size = len(plain)

    async def delivered() -> None:
        wipe(plain)
        services.handed_out(kind="photo", client=caller, size=size, task=name)
        await services.desk.shelf.delivered(name)

    async def broken_off() -> None:
        wipe(plain)
        services.broke_off(kind="photo", client=caller, size=size, task=name)
        await services.desk.shelf.give_back(name, record, sealed)

    return Delivery(
        in_pieces(plain),
        delivered=delivered,
        broken_off=broken_off,
        media_type=f"image/{detail['format']}",
        headers={"Content-Length": str(size), **headers},
        # The store has let go of the sealed one, but it may have to be given back.
        counted=services.desk.shelf.on_its_way(size + len(sealed)),
    )


@router.delete(
    "/v1/photos/{task_id}",
    summary="Cancel a photo, or wipe its result",
    operation_id="delete_photo",
    responses=problem_responses(*TASK_ERRORS),
)
async def delete(task_id: TaskId, services: Shared, caller: Caller) -> PhotoAccepted:
    await services.desk.delete(task_id, "photo", caller)
    return PhotoAccepted(task_id=task_id, status="cleaned", message="Nothing of the photo is left.")


async def _state(services: Services, task_id: str, record: Record) -> EnhancementResult:
    if record.status != "completed":
        return photo_result(task_id, record, None)
    sealed = await services.store.get_blob(name_of(task_id), DETAIL)
    if sealed is None:
        return photo_result(task_id, record, None)
    with Seal(task_id, record.salt) as seal:
        return photo_result(task_id, record, open_detail(seal, sealed))
