"""``POST /v1/enhance``: a photo in, the enhanced photo out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.access.client import Client
from gateway.access.guard import Caller
from gateway.disconnect import unless_disconnected
from gateway.filenames import content_disposition
from gateway.openapi import IMAGE_RESPONSE, INFERENCE_ERRORS, UPLOAD_ERRORS, form_body, problem_responses
from gateway.report import REPORT_HEADER, compact_report
from gateway.services import Services, Shared
from gateway.tasks.delivery import Delivery, in_pieces
from gateway.tasks.work import Job
from gateway.triton import Enhanced
from gateway.upload import read_upload

router = APIRouter(tags=["photos"])


@router.post(
    "/v1/enhance",
    summary="Enhance a photo",
    description="Answers with the enhanced image. Nothing of it is kept.",
    operation_id="enhance",
    response_class=Response,
    responses={200: IMAGE_RESPONSE, **problem_responses(*UPLOAD_ERRORS, *INFERENCE_ERRORS)},
    openapi_extra={"requestBody": form_body()},
)
async def enhance(request: Request, services: Shared, caller: Caller) -> Response:
    # The place is taken before the body is read: it bounds the memory that uploads hold, too.
    with services.metrics.counted(), services.admission():
        with services.uploads.one_of(caller.name):
            await services.limiter.spend(request, caller)
            form = await read_upload(request, services.settings.max_upload_bytes)
        try:
            job = Job.of(form.file, form.filename, form.fields, request.state.request_id)
            services.took(kind="synchronous", client=caller, size=len(form.file), file_type=job.header.format)
            with services.audit.processing(kind="synchronous"):
                result = await _run(request, services, job)
        finally:
            form.wipe()
        return _delivery(services, caller, form.filename, result)


async def _run(request: Request, services: Services, job: Job) -> Enhanced:
    ticket = services.queue.ticket()
    try:
        return await unless_disconnected(request, services.work.enhance(job, ticket))
    finally:
        services.queue.leave(ticket)


def _delivery(services: Services, client: Client, filename: str, result: Enhanced) -> Delivery:
    """The answer. Its place is free once it is on its way, so it counts among the results that fill the memory."""
    size = len(result.image)

    async def delivered() -> None:
        services.handed_out(kind="synchronous", client=client, size=size)

    async def broken_off() -> None:
        services.broke_off(kind="synchronous", client=client, size=size)

    return Delivery(
        in_pieces(result.image),
        delivered=delivered,
        broken_off=broken_off,
        media_type=f"image/{result.format}",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": content_disposition(filename, result.format),
            REPORT_HEADER: compact_report(result.report),
        },
        counted=services.desk.shelf.on_its_way(size),
    )
