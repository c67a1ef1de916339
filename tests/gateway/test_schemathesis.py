"""Schemathesis over the OpenAPI document: no fault of the server, nothing undocumented, every answer as described.

The application runs behind a real uvicorn, in front of the real Triton. That nothing is found proves something only as
long as faults would be, so the last test hides some.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response

from gateway.access.keys import hash_of
from gateway.server import build_server
from limner.settings import PROJECT_ROOT, Settings

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        sys.version_info < (3, 11),
        reason="the package schemathesis needs Python 3.11 or later",
    ),
]

CALLS = 15
KEY = "limner_a-key-of-the-tests-alone"

SETTINGS: dict[str, Any] = {
    "rate_limit": "off",
    "max_upload_bytes": 20_000,
    "max_archive_bytes": 50_000,
    "max_queue": 1000,
    "max_batches": 100,
}
"""Sizes that generated forms reach, and places for all of them."""

CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]

# A task that was deleted is still told of for a while: its status is `cleaned`.
[checks.use_after_free]
enabled = false
"""

COVERAGE = ("--phases", "coverage")
"""One example for each thing that a schema says, and against it: seconds, where everything takes half a minute."""


@dataclass(frozen=True)
class Outcome:
    report: dict[str, Any]
    printed: str

    @property
    def codes(self) -> set[str]:
        """The kinds of failures; ``schemathesis explain CODE`` tells what they are."""
        return {failure["code"] for failure in self.report["failures"]}

    def require_clean(self) -> None:
        assert not self.report["failures"], self.printed
        assert not self.report["errors"], self.printed
        assert self.report["complete"], self.printed
        assert self.report["operations"]["tested"] == CALLS, self.printed


Try = Callable[..., Any]


@pytest.fixture
def try_out(tmp_path: Path) -> Try:
    """Runs Schemathesis against the document at ``/openapi.json`` of an address, with further options."""

    async def run(address: str, *options: str) -> Outcome:
        configuration, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
        configuration.write_text(CONFIGURATION, "utf-8")
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{address}/openapi.json", "--seed", "1", "--max-examples", "40", "--continue-on-failure"),
            *("--generation-database", "none"),  # what an earlier run has seen must not change this one
            *("--report", "json", "--report-json-path", str(report), "--no-color", *options),
        ]
        running = await asyncio.create_subprocess_exec(
            *command,
            cwd=PROJECT_ROOT,
            env={**os.environ, "PYTHONPATH": ".", "SCHEMATHESIS_HOOKS": "tests.gateway.schemathesis_hooks"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await running.communicate())[0].decode("utf-8", "replace")
        assert report.exists(), printed
        return Outcome(json.loads(report.read_text("utf-8")), printed)

    return run


async def test_whole_document(try_out: Try, serve: OpenClient, triton_url: str) -> None:
    async with serve(Settings(**SETTINGS), triton_url) as client:
        outcome = await try_out(str(client.base_url))
    outcome.require_clean()


@pytest.mark.parametrize(
    ("start", "task_id", "result"), [("/v1/photos", "task_id", "image"), ("/v1/batches", "batch_id", "archive")]
)
async def test_a_result_is_as_described(
    serve: OpenClient, triton_url: str, start: str, task_id: str, result: str
) -> None:
    """From the upload to the result and its end: drawn walks may miss them, or come before a result is there."""
    import schemathesis

    from tests.gateway.schemathesis_hooks import archive_file, photo_file

    file = photo_file("PNG") if result == "image" else archive_file()
    async with serve(Settings(**SETTINGS), triton_url) as client:
        document = schemathesis.openapi.from_dict((await client.get("/openapi.json")).json())

        async def ask(method: str, part: str, status: int) -> httpx.Response:
            answer = await client.request(method, f"{task}{part}")
            assert answer.status_code == status
            document[f"{start}/{{{task_id}}}{part}"][method].validate_response(answer)
            return answer

        # A client's own form could not be read again, to be checked.
        form = httpx.Request("POST", client.base_url, files={"file": ("a", file)})
        answer = await client.post(start, content=form.read(), headers=form.headers)
        document[start]["POST"].validate_response(answer)
        task = f"{start}/{answer.json()[task_id]}"
        await ask("GET", "/events", 200)  # it ends with the task
        assert (await ask("GET", "", 200)).json()["status"] == "completed"
        assert (await ask("GET", f"/{result}", 200)).content
        await ask("GET", f"/{result}", 410)
        await ask("DELETE", "", 200)


async def test_every_call_needs_its_key(try_out: Try, serve: OpenClient, triton_url: str) -> None:
    keys = f"tests:{hash_of(KEY)}:enhance"
    async with serve(Settings(**SETTINGS, api_keys=keys), triton_url) as client:
        outcome = await try_out(str(client.base_url), "--header", f"Authorization: Bearer {KEY}", *COVERAGE)
        metrics = (await client.get("/metrics", headers={"X-API-Key": KEY})).json()
    outcome.require_clean()
    assert metrics["type"] == "urn:limner:problem:forbidden"


async def test_without_triton(try_out: Try, serve: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.readiness.RETURN_SECONDS", 0.0)  # nobody is to wait for one
    async with serve(Settings(**SETTINGS)) as client:
        outcome = await try_out(str(client.base_url), *COVERAGE)
    outcome.require_clean()


@contextlib.asynccontextmanager
async def lying_app() -> AsyncIterator[str]:
    """The address of an application that does not keep what its document says."""
    app = FastAPI()

    @app.get("/undocumented", response_model=None)
    async def undocumented() -> Response:
        return Response("{}", 418, media_type="application/json")

    @app.get("/another-type")
    async def another_type() -> Response:
        return Response("text", media_type="text/plain")

    @app.get("/another-form", response_model=int)
    async def another_form() -> Response:
        return Response('"text"', media_type="application/json")

    @app.get("/failing", responses={500: {}})
    async def failing() -> Response:
        return Response("{}", 500, media_type="application/json")

    server = build_server(app, Settings(port=0, shutdown_timeout=0))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def test_what_is_wrong_would_be_found(try_out: Try) -> None:
    async with lying_app() as address:
        outcome = await try_out(address, *COVERAGE)
    assert outcome.codes == {"ST101", "ST103", "ST105", "ST108"}
