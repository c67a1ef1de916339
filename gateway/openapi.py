"""The parts of the OpenAPI document that FastAPI cannot derive: the hand-parsed form, the problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from gateway.access.guard import PUBLIC_PATHS
from gateway.multipart import FILE_FIELD, Kind
from gateway.problems import PROBLEM_MEDIA_TYPE, Problem
from gateway.report_types import describe_result, report_schemas
from limner.errors import (
    ArchiveTooLarge,
    Cancelled,
    DamagedArchive,
    DamagedImage,
    EmptyImage,
    EncryptedArchive,
    FileTooLarge,
    Forbidden,
    Gone,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    InvalidForm,
    InvalidOption,
    LimnerError,
    NoPhotos,
    NotCompleted,
    NotFound,
    OutputTooLarge,
    QueueFull,
    QuotaExceeded,
    ShuttingDown,
    StateUnavailable,
    TooManyPixels,
    Unauthorized,
    UnsafeArchive,
    UnsupportedFormat,
    UploadTimeout,
)
from limner.options import OPTION_SPECS, OptionSpec
from limner.settings import Settings

Schema = dict[str, Any]

KEY_ERRORS = (Unauthorized, Forbidden)
"""Where keys are set up, any call may be refused for want of one."""

_FORM_ERRORS = (InvalidForm, InvalidOption, EmptyImage, UploadTimeout, FileTooLarge)
_ALLOWANCE_ERRORS = (*KEY_ERRORS, QuotaExceeded, QueueFull, ShuttingDown, StateUnavailable, Cancelled, LimnerError)

UPLOAD_ERRORS = (*_FORM_ERRORS, *_ALLOWANCE_ERRORS, TooManyPixels, UnsupportedFormat, DamagedImage)
"""What a form with a photo may be refused for."""

ARCHIVE_ERRORS = (
    *_FORM_ERRORS,
    *_ALLOWANCE_ERRORS,
    UnsupportedFormat,
    DamagedArchive,
    EncryptedArchive,
    UnsafeArchive,
    NoPhotos,
    ArchiveTooLarge,
)
"""What a form with an archive may be refused for."""

INFERENCE_ERRORS = (OutputTooLarge, InferenceFailed, InferenceUnavailable, InferenceTimeout)
"""How an enhancement may fail."""

TASK_ERRORS = (*KEY_ERRORS, NotFound, StateUnavailable, LimnerError)
"""Why nothing may be said of a task."""

FETCH_ERRORS = (NotCompleted, Gone)
"""Why there may be no result."""

RETRIED = (409, 429, 503)
"""Statuses that come with a Retry-After."""

_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "choice": "string"}
WHAT_TO_SEND: dict[Kind, str] = {
    "photo": "The photo: JPEG, PNG or WebP.",
    "archive": "The archive: ZIP or RAR, with JPEG, PNG and WebP photos; anything else in it is passed over.",
}
_BINARY: Schema = {"type": "string", "format": "binary"}
_TEXT: Schema = {"type": "string"}
_POSITION: Schema = {"type": "integer", "minimum": 1}

IMAGE_RESPONSE: Schema = {
    "description": "The enhanced image.",
    "content": {f"image/{name}": {"schema": _BINARY} for name in ("jpeg", "png", "webp")},
    "headers": {
        "Limner-Report": {
            "description": (
                "Compact JSON in ASCII, at most 4096 bytes: sizes, faces with box and score, models, milliseconds. "
                "`truncated` is true when faces had to be left out."
            ),
            "schema": {**_TEXT, "contentMediaType": "application/json", "maxLength": 4096},
        },
        "Content-Disposition": {"description": "A name for the result, from the upload's.", "schema": _TEXT},
        "Cache-Control": {"description": "Always `no-store`.", "schema": _TEXT},
        "X-Request-Id": {"description": "128-bit id of the request.", "schema": _TEXT},
    },
}


ZIP_RESPONSE: Schema = {
    "description": "The enhanced photos, and `report.json`.",
    "content": {"application/zip": {"schema": _BINARY}},
    "headers": {
        "Content-Disposition": {"description": "A name for the archive.", "schema": _TEXT},
        "Cache-Control": {"description": "Always `no-store`.", "schema": _TEXT},
    },
}


def event_response(state: type[BaseModel]) -> Schema:
    """Server-sent events whose data is a ``state``. ``itemSchema`` is of OpenAPI 3.2; FastAPI writes it, too."""
    place: Schema = {"type": "object", "required": ["queue_position"], "properties": {"queue_position": _POSITION}}
    kinds = [
        _event(["queue"], place),
        _event(["progress", "done"], {"$ref": f"#/components/schemas/{state.__name__}"}),
    ]
    return {
        "description": f"Events; the data of `progress` and `done` is a `{state.__name__}`.",
        "content": {"text/event-stream": {"itemSchema": {"oneOf": kinds}}},
    }


def _event(names: list[str], data: Schema) -> Schema:
    told: Schema = {**_TEXT, "contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {**_TEXT, "enum": names}, "data": told},
    }


def option_schema(spec: OptionSpec) -> Schema:
    """One option as a property of the form."""
    schema: Schema = {"type": _TYPES[spec.kind], "default": spec.default, "description": spec.help}
    if spec.kind == "choice":
        schema["enum"] = list(spec.choices)
    if spec.kind in {"int", "float"}:
        schema["minimum"], schema["maximum"] = spec.minimum, spec.maximum
    return schema


def form_body(kind: Kind = "photo") -> Schema:
    """The request body with a photo or an archive, and every option."""
    file = {**_BINARY, "description": WHAT_TO_SEND[kind]}
    schema: Schema = {
        "type": "object",
        "required": [FILE_FIELD],
        "properties": {FILE_FIELD: file, **{spec.name: option_schema(spec) for spec in OPTION_SPECS}},
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def problem_responses(*errors: type[LimnerError]) -> dict[int | str, Schema]:
    """The error answers of a call, one a status, for ``responses=`` of a route."""
    answers: dict[int | str, Schema] = {}
    for status in sorted({error.status for error in errors}):
        kinds = [error for error in errors if error.status == status]
        answers[status] = {
            "description": "; ".join(f"{kind.title} (`urn:limner:problem:{kind.type}`)" for kind in kinds) + ".",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status in RETRIED:
            header = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
            answers[status]["headers"] = {"Retry-After": header}
    return answers


def document(app: FastAPI, settings: Settings) -> Schema:
    """The whole OpenAPI document; the limits of ``settings`` are told where files are described."""
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    schemas.update(report_schemas())
    describe_result(schemas["EnhancementResult"])
    for theirs in ("HTTPValidationError", "ValidationError"):
        schemas.pop(theirs, None)
    limits = {WHAT_TO_SEND["photo"]: settings.max_upload_bytes, WHAT_TO_SEND["archive"]: settings.max_archive_bytes}
    for path in made["paths"].values():
        for call in path.values():
            if "HTTPValidationError" in str(call["responses"].get("422")):  # FastAPI's own; ours are problems
                del call["responses"]["422"]
            form = call.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            if form:
                file = form["schema"]["properties"][FILE_FIELD]
                file["description"] += f" At most {limits[file['description']] / 1e6:g} MB."
    if settings.api_keys is not None:
        parts["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        made["security"] = [{"bearer": []}, {"key": []}]
        for path in PUBLIC_PATHS & made["paths"].keys():
            for call in made["paths"][path].values():
                call["security"] = []
    return made
