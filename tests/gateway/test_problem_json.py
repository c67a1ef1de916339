from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from fastapi import FastAPI

from gateway.envelope import SECURITY_HEADERS
from gateway.logs import JsonFormatter
from limner.canary import canary_png
from limner.errors import BY_TYPE, InferenceFailed, LimnerError
from limner.settings import Settings

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def check_problem(answer: httpx.Response, status: int, kind: str) -> str:
    """Assert that ``answer`` is a problem of this kind; its detail."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert problem == {
        "type": f"urn:limner:problem:{kind}",
        "title": BY_TYPE[kind].title,
        "status": status,
        "detail": problem["detail"],
        "instance": f"urn:limner:request:{request_id}",
        "request_id": request_id,
    }
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    return str(problem["detail"])


async def test_unknown_path_and_method(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/nowhere"), 404, "not-found")
    check_problem(await client.get("/v1/models/"), 404, "not-found")
    wrong = await client.put("/v1/enhance")
    check_problem(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("form", "status", "kind", "words"),
    [
        ({"json": {"a": 1}}, 400, "invalid-form", "multipart/form-data"),
        ({"data": {"quality": "80"}}, 400, "invalid-form", "multipart/form-data"),
        ({"files": {"photo": b"x"}}, 400, "invalid-form", "not named 'file'"),
        ({"files": {"file": b""}}, 400, "empty-image", "empty"),
        ({"files": {"file": b"x"}, "data": {"quality": "101"}}, 400, "invalid-option", "quality is '101'"),
        ({"files": {"file": b"x"}, "data": {"scale": "2"}}, 400, "invalid-option", "'scale' is not an option"),
        ({"files": {"file": b"x" * 100_001}}, 413, "file-too-large", "0.1 MB"),
        ({"files": {"file": b"x" * 1_000_000}}, 413, "file-too-large", "0.1 MB"),
        ({"files": {"file": b"x"}}, 415, "unsupported-format", "JPEG, PNG or WebP"),
        ({"files": {"file": canary_png()}}, 503, "inference-unavailable", "Try again"),
    ],
)
async def test_refused_enhancements(
    client: httpx.AsyncClient, form: dict[str, object], status: int, kind: str, words: str
) -> None:
    answer = await client.post("/v1/enhance", **form)  # type: ignore[arg-type]
    assert words in check_problem(answer, status, kind)


async def test_without_triton(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/v1/models"), 503, "inference-unavailable")
    assert "Not ready" in check_problem(await client.get("/readyz"), 503, "inference-unavailable")
    assert (await client.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
async def test_every_error_of_the_tree(kind: str, app: FastAPI, call_app: OpenClient) -> None:

    @app.get("/raise")
    async def raise_it() -> None:
        raise BY_TYPE[kind]("A sentence.")

    async with call_app(app) as client:
        assert check_problem(await client.get("/raise"), BY_TYPE[kind].status, kind) == "A sentence."


async def test_faults_of_ours_tell_nothing_to_the_caller_or_the_log(
    app: FastAPI, call_app: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:

    @app.get("/raise")
    async def raise_it() -> None:
        raise KeyError("a secret")

    @app.get("/number")
    async def number(value: int) -> int:
        return value

    async with call_app(app) as client:
        detail = check_problem(await client.get("/raise"), 500, LimnerError.type)
        check_problem(await client.get("/number", params={"value": "a secret"}), 400, "invalid-input")
    assert "secret" not in detail + caplog.text
    assert "KeyError in test_problem_json.raise_it" in caplog.text


async def test_client_cannot_choose_the_request_id(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/healthz", headers={"X-Request-Id": "mine"}) for _ in range(2)]
    assert len({answer.headers["x-request-id"] for answer in answers} | {"mine"}) == 3


async def test_access_log_names_no_photo_and_no_address(
    serve: OpenClient, make_photo: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    async with serve(Settings()) as client:
        with caplog.at_level(logging.INFO):
            photo = {"file": ("wang-fang.jpg", make_photo())}
            answer = await client.post("/v1/enhance?who=me", files=photo)
            await client.get("/secret-path")
    lines = [json.loads(line) for line in caplog.text.splitlines()]
    first, second = (line for line in lines if line["log.logger"] == "limner.access")
    assert first["http.route"] == "/v1/enhance"
    assert first["http.request.method"] == "POST"
    assert first["http.request.id"] == answer.headers["x-request-id"]
    assert first["http.response.status_code"] == 503
    assert first["http.response.body.bytes"] > 100
    assert first["event.duration"] > 0
    assert second["http.route"] == "unknown"
    for word in ("wang", "who", "127.0.0.1:", "secret"):
        assert word not in json.dumps([first, second])


def test_logged_exception_is_told_by_its_type() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise InferenceFailed("a secret")
    except InferenceFailed:
        logger.exception("went wrong")
    line = json.loads(stream.getvalue())
    assert (line["message"], line["error.type"], line["log.level"]) == ("went wrong", "InferenceFailed", "error")
    assert "secret" not in stream.getvalue()


async def test_a_wrong_method_is_told_all_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/v1/photos/{'0' * 32}")
    check_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, DELETE"
