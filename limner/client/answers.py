"""What the server's answers say, checked: a server that is none of ours gives an error, never a wrong value.

Texts are made printable, since programs show them: control characters, which steer terminals, are left out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from limner.catalog import Catalog, CatalogEntry
from limner.errors import BY_TYPE, Gone, LimnerError, QuotaExceeded, ServerUnreachable

Status = Literal["pending", "processing", "completed", "failed", "cleaned"]
Model = TypeVar("Model", bound=BaseModel)

REPORT_HEADER = "limner-report"
_FORMATS = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
_PROBLEM_PREFIX = "urn:limner:problem:"

_OF_A_PROXY = frozenset({502, 504})
"""Statuses by which a proxy says that no server answers it."""


def printable(text: str) -> str:
    """``text`` without control, format, surrogate and unassigned characters (Unicode categories C*); one line."""
    return "".join(" " if char in "\r\n\t" else char for char in text if _is_shown(char))


def _is_shown(char: str) -> bool:
    return char in "\r\n\t" or unicodedata.category(char)[0] != "C"


def _printable_all(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _printable_all(item) for key, item in value.items()}
    return [_printable_all(item) for item in value] if isinstance(value, list) else value


Text = Annotated[str, AfterValidator(printable)]
TaskId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Report = Annotated[dict[str, Any], AfterValidator(_printable_all)]
"""What was measured and done, as docs/http.md has it."""


class _Answer(BaseModel):
    """Fields that are not known here are passed over: a server may be newer."""

    model_config = ConfigDict(frozen=True)


class Progress(_Answer):
    """What photos and batches have in common."""

    status: Status
    progress: float = Field(0.0, ge=0, le=1)
    queue_position: int | None = None
    estimated_seconds: float | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    processing_time: float | None = None
    error_type: str | None = None
    error_message: Text | None = None

    @property
    def over(self) -> bool:
        """Nothing of this will change any more, but that a result goes."""
        return self.status not in {"pending", "processing"}

    def require_completed(self) -> None:
        """Return where there is a result to fetch.

        Raises:
            LimnerError: what the task failed with; Gone where the result was fetched, deleted or has expired.
        """
        if self.status == "failed":
            raise _error_of(self.error_type or "", self.error_message or "The server did not say why it failed.")
        if self.status == "cleaned":
            raise Gone("The result was fetched, deleted or has expired. Send it again.")


class PhotoStatus(Progress):
    """How far a photo is. Times are in seconds, ``progress`` goes from 0 to 1, ``queue_position`` 1 is next."""

    task_id: TaskId
    quality_metrics: Report | None = None
    faces: tuple[Report, ...] | None = None
    report: Report | None = None


class BatchStatus(Progress):
    """How far an archive is: photos that were enhanced and that failed, and files that are no photos."""

    batch_id: TaskId
    total_files: int = 0
    processed_files: int = 0
    failed_files: int = 0
    skipped_files: int = 0


@dataclass(frozen=True)
class EnhancedPhoto:
    """A result: the encoded image, its format (``jpeg``, ``png`` or ``webp``), a name for it, and the report.

    ``report`` has ``truncated`` where the server had to shorten it; that of a task is whole.
    """

    image: bytes = field(repr=False)
    format: str
    filename: str
    report: dict[str, Any] = field(repr=False)


class PhotoAccepted(_Answer):
    task_id: TaskId


class BatchAccepted(_Answer):
    batch_id: TaskId


class QueuePlace(_Answer):
    queue_position: int


class _Models(_Answer):
    models: tuple[CatalogEntry, ...]


class _ReportHeader(_Answer):
    report: Report


class _Problem(_Answer):
    type: str
    detail: Text
    request_id: Text = ""


def foreign() -> LimnerError:
    """The error of an answer that cannot be read."""
    return LimnerError("The answer is not one of Limner's HTTP API. Check the address, and whether it is up to date.")


def require_type(response: httpx.Response, media_type: str) -> None:
    """Raise where the answer is something else, such as the page of a proxy."""
    if response.headers.get("content-type", "").partition(";")[0].strip() != media_type:
        raise foreign()


def read(model: type[Model], body: bytes | str) -> Model:
    """``body`` as ``model``, or LimnerError where it is something else."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise foreign() from None


def read_catalog(body: bytes) -> Catalog:
    """The answer of ``GET /v1/models``."""
    return Catalog(read(_Models, body).models)


def read_photo(response: httpx.Response, image: bytes, report: dict[str, Any] | None) -> EnhancedPhoto:
    """``image`` with what the head of its answer says; ``report`` goes before that of the head."""
    image_format = _FORMATS.get(response.headers.get("content-type", ""))
    if image_format is None or not image:
        raise foreign()
    if report is None:
        report = read(_ReportHeader, f'{{"report":{response.headers.get(REPORT_HEADER, "null")}}}').report
    return EnhancedPhoto(image, image_format, _filename(response) or f"enhanced.{image_format}", report)


_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*utf-8''([^;\s]+)", re.IGNORECASE)


def _filename(response: httpx.Response) -> str:
    """The name that ``Content-Disposition`` (RFC 6266) proposes, never a path."""
    head = Message()
    head["Content-Disposition"] = told = printable(response.headers.get("content-disposition", ""))
    extended = _EXTENDED_NAME.search(told)  # goes before `filename`, which the email module prefers
    try:
        proposed = unquote(extended[1]) if extended else head.get_filename("")
    except (TypeError, ValueError):  # the email module on parts in disorder, or in a charset that knows no replacing
        return ""
    name = printable(proposed).replace("\\", "/").rpartition("/")[2]
    return "" if name in {".", ".."} else name


def read_problem(response: httpx.Response, body: bytes, retry_after: float | None) -> LimnerError:
    """The error that an answer without success tells of (RFC 9457), of the class that its ``type`` names."""
    try:
        problem = _Problem.model_validate_json(body)
    except ValidationError:
        kind = ServerUnreachable if response.status_code in _OF_A_PROXY else LimnerError
        return kind(_of_a_stranger(response))
    message = problem.detail
    if response.status_code == 500 and problem.request_id:
        message += f" (request id {problem.request_id})"
    error = _error_of(problem.type.removeprefix(_PROBLEM_PREFIX), message)
    if isinstance(error, QuotaExceeded) and retry_after is not None:
        error.retry_after = round(retry_after)
    return error


def _error_of(kind: str, message: str) -> LimnerError:
    return BY_TYPE.get(kind, LimnerError)(message)


def _of_a_stranger(response: httpx.Response) -> str:
    said = f"The server answered {response.status_code} {printable(response.reason_phrase)}".rstrip()
    if response.has_redirect_location:
        return f"{said} and points to {printable(response.headers['location'])}. Name that address, if you trust it."
    return f"{said}, and not as Limner does. Check the address, and whether a proxy stands in between."
