"""``POST /v1/enhance``: a photo in, the enhanced photo out."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from gateway.disconnect import unless_disconnected
from gateway.filenames import content_disposition
from gateway.openapi import FORM_ERRORS, IMAGE_RESPONSE, INFERENCE_ERRORS, form_body, problem_responses
from gateway.report import REPORT_HEADER, compact_report
from gateway.services import Services, Shared
from gateway.triton import Enhanced
from gateway.upload import read_upload
from limner.options import parse_options

router = APIRouter(tags=["photos"])


@router.post(
    "/v1/enhance",
    summary="Enhance a photo",
    description="Answers with the enhanced image. Nothing of it is kept.",
    operation_id="enhance",
    response_class=Response,
    responses={200: IMAGE_RESPONSE, **problem_responses(*FORM_ERRORS, *INFERENCE_ERRORS)},
    openapi_extra={"requestBody": form_body()},
)
async def enhance(request: Request, services: Shared) -> Response:
    # The place is taken before the body is read: it bounds the memory that uploads hold, too.
    with services.metrics.counted(), services.capacity.slot():
        form = await read_upload(request, services.settings.max_upload_bytes)
        try:
            result = await _run(request, services, form.file, form.fields)
        finally:
            form.wipe()
        return Response(
            result.image,
            media_type=f"image/{result.format}",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": content_disposition(form.filename, result.format),
                REPORT_HEADER: compact_report(result.report),
            },
        )


async def _run(request: Request, services: Services, image: bytearray, fields: dict[str, str]) -> Enhanced:
    options = parse_options(fields)
    started = time.perf_counter()
    work = services.triton.enhance(
        image, options, request_id=request.state.request_id, timeout=services.settings.task_timeout
    )
    result = await unless_disconnected(request, work)
    services.readiness.passed()
    services.metrics.enhanced(time.perf_counter() - started, result.report)
    return result
