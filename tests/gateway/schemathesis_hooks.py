"""What Schemathesis is to know of this API: real files, and which of its objections are meant to be so.

Schemathesis loads it by the name in SCHEMATHESIS_HOOKS.
"""

from __future__ import annotations

import io
import itertools
import time
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import schemathesis
from hypothesis import strategies
from PIL import Image
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData

from limner.errors import InputError
from limner.options import parse_options

ABOUT_THE_FILE = frozenset(
    f"urn:limner:problem:{kind}"
    for kind in (
        *("damaged-archive", "damaged-image", "empty-image", "encrypted-archive", "file-too-large", "no-photos"),
        *("unsafe-archive", "unsupported-format"),
    )
)
"""To a schema one file is as good as another."""

LATER = "urn:limner:problem:gone"
"""A result can be fetched once, which no schema says."""

_PATIENCE_SECONDS = 60

WITHOUT_WEIGHTS = "is not available here"
"""Of an option that is right, but whose model has no weights."""


def photo_file(image_format: str) -> bytes:
    """A small photo, encoded."""
    encoded = io.BytesIO()
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(encoded, image_format)
    return encoded.getvalue()


def archive_file() -> bytes:
    """A ZIP of two photos and a file that is none."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writing:
        writing.writestr("a.png", photo_file("PNG"))
        writing.writestr("王芳.jpg", photo_file("JPEG"))
        writing.writestr("readme.txt", "x")
    return packed.getvalue()


_files = strategies.sampled_from(
    [photo_file("PNG"), photo_file("JPEG"), photo_file("WEBP"), archive_file(), archive_file()]
)
_broken = _files.flatmap(lambda file: strategies.integers(0, len(file)).map(lambda end: file[:end]))
schemathesis.openapi.format("binary", _files | _broken | strategies.binary(max_size=64))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Let it follow tasks that exist, to their results, too."""
    paths = raw_schema["paths"]
    for start, task_id in (("/v1/photos", "task_id"), ("/v1/batches", "batch_id")):
        names = [
            call["operationId"]
            for path, calls in paths.items()
            if path.startswith(f"{start}/")
            for call in calls.values()
        ]
        if start in paths:
            paths[start]["post"]["responses"]["202"]["links"] = {
                name: {"operationId": name, "parameters": {task_id: f"$response.body#/{task_id}"}} for name in names
            }


_accepted = itertools.count()


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], response: Response) -> None:
    """Let two tasks of three end before the next call.

    Else the machine's speed would decide whether a result is there when it is asked for. The third one is met at work.
    """
    if response.status_code != httpx.codes.ACCEPTED or next(_accepted) % 3 == 2:
        return
    (task_id,) = (value for name, value in response.json().items() if name in {"task_id", "batch_id"})
    asked = response.request
    status = f"{str(asked.url).partition('?')[0]}/{task_id}"
    headers: dict[str, Any] = {name: value for name, value in asked.headers.items() if name.lower() == "authorization"}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while httpx.get(status, headers=headers).json().get("status") in {"pending", "processing"}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{status} did not end")
        time.sleep(0.02)


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    """False for what is meant to be so."""
    if isinstance(failure, RejectedPositiveData):
        problem = response.json()
        return not (problem["type"] in {*ABOUT_THE_FILE, LATER} or WITHOUT_WEIGHTS in problem["detail"])
    if isinstance(failure, AcceptedNegativeData) and isinstance(case.body, dict):
        return not _written_otherwise(case.body)
    return True


def _written_otherwise(body: Mapping[str, object]) -> bool:
    """Whether the options of a form are right all the same: in a form everything is text, and ``1`` is a yes."""
    try:
        parse_options({name: str(value) for name, value in _sent(body) if name != "file"})
    except InputError:
        return False
    return True


def _sent(body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """A list is sent as one field for each of its items."""
    for name, value in body.items():
        yield from ((name, item) for item in value) if isinstance(value, list) else [(name, value)]
