"""The parts of the OpenAPI document that FastAPI cannot derive: the hand-parsed form, the problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.multipart import FILE_FIELD
from gateway.problems import PROBLEM_MEDIA_TYPE, Problem
from limner.errors import (
    Cancelled,
    DamagedImage,
    EmptyImage,
    FileTooLarge,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    InvalidForm,
    InvalidOption,
    LimnerError,
    OutputTooLarge,
    QueueFull,
    TooManyPixels,
    UnsupportedFormat,
    UploadTimeout,
)
from limner.options import OPTION_SPECS, OptionSpec

Schema = dict[str, Any]

FORM_ERRORS = (
    InvalidForm,
    InvalidOption,
    EmptyImage,
    UploadTimeout,
    FileTooLarge,
    TooManyPixels,
    UnsupportedFormat,
    DamagedImage,
    OutputTooLarge,
)
"""What a form with a photo may be refused for."""

INFERENCE_ERRORS = (Cancelled, InferenceFailed, LimnerError, QueueFull, InferenceUnavailable, InferenceTimeout)
"""How an enhancement may fail."""

_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "choice": "string"}
_BINARY: Schema = {"type": "string", "format": "binary"}
_TEXT: Schema = {"type": "string"}

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


def option_schema(spec: OptionSpec) -> Schema:
    """One option as a property of the form."""
    schema: Schema = {"type": _TYPES[spec.kind], "default": spec.default, "description": spec.help}
    if spec.kind == "choice":
        schema["enum"] = list(spec.choices)
    if spec.kind in {"int", "float"}:
        schema["minimum"], schema["maximum"] = spec.minimum, spec.maximum
    return schema


def form_body() -> Schema:
    """The request body with a photo and every option."""
    photo = {**_BINARY, "description": "The photo: JPEG, PNG or WebP."}
    schema: Schema = {
        "type": "object",
        "required": [FILE_FIELD],
        "properties": {FILE_FIELD: photo, **{spec.name: option_schema(spec) for spec in OPTION_SPECS}},
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
        if status == 503:
            header = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
            answers[status]["headers"] = {"Retry-After": header}
    return answers


def document(app: FastAPI, max_upload_bytes: int) -> Schema:
    """The whole OpenAPI document; ``max_upload_bytes`` is told in the description of the file."""
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    made.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    for path in made["paths"].values():
        for call in path.values():
            form = call.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            if form:
                photo = form["schema"]["properties"][FILE_FIELD]
                photo["description"] = f"The photo: JPEG, PNG or WebP of at most {max_upload_bytes / 1e6:g} MB."
    return made
