"""Schemathesis over the OpenAPI document, against the application behind a real uvicorn and the real Triton.

A document in which nothing is wrong is no proof by itself, so the last test has it find what is.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from gateway.access.keys import hash_of
from gateway.server import build_server
from limner.settings import PROJECT_ROOT, Settings
from tests.gateway.conftest import NO_TRITON

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        importlib.util.find_spec("schemathesis") is None,
        reason="schemathesis missing: the package needs Python 3.11 or later",
    ),
]

KEY = "limner_a-key-of-the-tests-with-enough-signs"

CALLS = 15

# A deleted task is not forgotten at once: its status is `cleaned`.
EXCLUDED = "use_after_free"

CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
"""


def settings(**changes: Any) -> Settings:
    """Limits that generated forms can reach, and places for all of them."""
    return Settings(
        rate_limit="off",
        max_upload_bytes=20_000,
        max_archive_bytes=50_000,
        max_queue=1000,
        max_batches=100,
        canary_interval=1.0,
        **changes,
    )


async def schemathesis(url: str, folder: Path, *options: str) -> tuple[list[str], int, int, str]:
    """Failures, calls tested, cases and what it printed."""
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(CONFIG, "utf-8")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/openapi.json"),
        *("--seed", "1", "--no-color", "--continue-on-failure", "--no-shrink", "--exclude-checks", EXCLUDED),
        *("--request-timeout", "60", "--report", "json", "--report-json-path", str(report), *options),
    ]
    running = await asyncio.create_subprocess_exec(
        *command,
        cwd=PROJECT_ROOT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.gateway.schemathesis_hooks", "PYTHONPATH": str(PROJECT_ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = (await running.communicate())[0].decode("utf-8", "replace")
    return json.loads(report.read_text("utf-8")), printed
