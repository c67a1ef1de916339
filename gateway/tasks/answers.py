"""What clients are told of tasks."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from pydantic import BaseModel, Field

from gateway.clock import now
from gateway.report import Report
from gateway.state.record import Record, Status
from gateway.tasks.estimate import progress

_PROGRESS = "0 to 1; an estimate from earlier photos of this size, 0 while there are none to go by."
_STATUS = "pending, processing, completed, failed, or cleaned: the result was fetched, deleted or has expired."


class PhotoAccepted(BaseModel):
    """A photo was taken in, or deleted."""

    task_id: str = Field(description="Names the task; whoever has it may fetch the result.")
    status: Status = Field(description=_STATUS)
    message: str = Field(description="What to do next.")


class BatchAccepted(BaseModel):
    """An archive was taken in, or deleted."""

    batch_id: str = Field(description="Names the batch; whoever has it may fetch the result.")
    status: Status = Field(description=_STATUS)
    message: str = Field(description="What to do next.")


class _Progress(BaseModel):
    status: Status = Field(description=_STATUS)
    progress: float = Field(description=_PROGRESS, ge=0, le=1)
    queue_position: int | None = Field(description="1 is next; null where nothing waits.")
    estimated_seconds: float | None = Field(description="Seconds that are left, likely; null where that is unknown.")
    created_at: str = Field(description="When it was sent, RFC 3339, UTC.")
    expires_at: str | None = Field(description="When the result is wiped; null while there is none.")
    processing_time: float | None = Field(description="Seconds from its turn to its end; null before.")
    error_type: str | None = Field(description="Last word of the `type` of the problem it failed with.")
    error_message: str | None = Field(description="What happened and what to do, where it failed.")


class EnhancementResult(_Progress):
    """State and result of one photo."""

    task_id: str = Field(description="Names the task.")
    enhanced_image_url: str | None = Field(description="Path of the result, which can be fetched once.")
    quality_metrics: dict[str, Any] | None = Field(
        description="sharpness_score, face_quality_score, enhancement_ratio, identity_preservation, and before."
    )
    faces: list[dict[str, Any]] | None = Field(description="The faces that were found.")
    report: dict[str, Any] | None = Field(description="The whole report, as the header Limner-Report has it in short.")


class BatchResult(_Progress):
    """State and result of a batch."""

    batch_id: str = Field(description="Names the batch.")
    total_files: int = Field(description="Files in the archive.")
    processed_files: int = Field(description="Photos that were enhanced.")
    failed_files: int = Field(description="Photos that could not be enhanced.")
    skipped_files: int = Field(description="Files that are no photos.")
    download_url: str | None = Field(description="Path of the ZIP with the results, which can be fetched once.")


def photo_result(task_id: str, record: Record, detail: Report | None) -> EnhancementResult:
    """``detail`` is what was sealed with the result; None before and after there is one."""
    report = (detail or {}).get("report")
    return EnhancementResult(
        **_common(record),
        task_id=task_id,
        progress=_progress(record),
        enhanced_image_url=f"/v1/photos/{task_id}/image" if record.status == "completed" else None,
        quality_metrics=report.get("quality_metrics") if report else None,
        faces=report.get("faces") if report else None,
        report=report,
    )


def batch_result(batch_id: str, record: Record) -> BatchResult:
    done = record.processed_files + record.failed_files + record.skipped_files
    return BatchResult(
        **_common(record),
        batch_id=batch_id,
        progress=_progress(record) if not record.running else round(done / max(1, record.total_files), 4),
        total_files=record.total_files,
        processed_files=record.processed_files,
        failed_files=record.failed_files,
        skipped_files=record.skipped_files,
        download_url=f"/v1/batches/{batch_id}/archive" if record.status == "completed" else None,
    )


def _common(record: Record) -> dict[str, Any]:
    finished, started = record.finished, record.started
    return {
        "status": record.status,
        "queue_position": record.queue_position,
        "estimated_seconds": _seconds_left(record),
        "created_at": _rfc3339(record.created),
        "expires_at": _rfc3339(record.expires) if record.status == "completed" else None,
        "processing_time": round(finished - started, 3) if finished is not None and started is not None else None,
        "error_type": record.error_type,
        "error_message": record.error_message,
    }


def _progress(record: Record) -> float:
    if record.running:
        elapsed = now() - record.started if record.started is not None else 0.0
        return round(progress(elapsed, record.estimate), 4)
    return 1.0 if record.status == "completed" or (record.status == "cleaned" and record.finished is not None) else 0.0


def _seconds_left(record: Record) -> float | None:
    if not record.running or record.estimate is None:
        return None
    elapsed = now() - record.started if record.started is not None else 0.0
    return round(max(0.0, record.estimate - elapsed), 1)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
