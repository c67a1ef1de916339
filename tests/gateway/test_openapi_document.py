from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.docs_page import render_docs
from limner.errors import (
    BY_TYPE,
    CapacityError,
    ExportError,
    LimnerError,
    ServerUnreachable,
    ServingError,
    SettingsError,
    WeightsError,
)
from limner.options import OPTION_SPECS

HTTP_MD = Path(__file__).parents[2] / "docs" / "http.md"
NEVER_SENT = (SettingsError, WeightsError, ExportError, ServingError, ServerUnreachable)


def sent_errors() -> dict[str, type[LimnerError]]:
    """The errors that a caller may meet. CapacityError is only the parent of three."""
    return {
        kind: error
        for kind, error in BY_TYPE.items()
        if not issubclass(error, NEVER_SENT) and error is not CapacityError
    }


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    made: dict[str, Any] = answer.json()
    return made


def test_every_call_is_there(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {"/v1/enhance", "/v1/models", "/healthz", "/readyz", "/metrics"}


def test_form_has_every_option(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/enhance"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert body["required"] is True
    assert form["required"] == ["file"]
    assert form["additionalProperties"] is False
    assert "0.1 MB" in form["properties"].pop("file")["description"]
    assert set(form["properties"]) == {spec.name for spec in OPTION_SPECS}
    types = {"int": "integer", "float": "number", "bool": "boolean", "choice": "string"}
    for spec in OPTION_SPECS:
        described = form["properties"][spec.name]
        assert described["type"] == types[spec.kind]
        assert described["default"] == spec.default
        assert described["description"] == spec.help
        assert described.get("enum", []) == list(spec.choices)
        if spec.kind in {"int", "float"}:
            assert (described["minimum"], described["maximum"]) == (spec.minimum, spec.maximum)


def test_every_error_answer_is_a_problem(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for call in path.values():
            errors = {status: answer for status, answer in call["responses"].items() if status != "200"}
            assert errors
            for status, answer in errors.items():
                assert list(answer["content"]) == ["application/problem+json"]
                assert (status == "503") == ("Retry-After" in answer.get("headers", {}))
    assert set(document["components"]["schemas"]["Problem"]["required"]) >= {"type", "title", "status", "detail"}


def test_enhance_documents_every_error_it_may_send(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/enhance"]["post"]["responses"]
    told = {
        kind
        for answer in answers.values()
        for kind in re.findall("urn:limner:problem:([a-z-]+)", answer["description"])
    }
    assert told == set(sent_errors()) - {"not-found", "method-not-allowed", "invalid-input"}
    assert set(answers["200"]["content"]) == {"image/jpeg", "image/png", "image/webp"}
    assert "Limner-Report" in answers["200"]["headers"]


def test_references_resolve(document: dict[str, Any]) -> None:
    for name in re.findall("#/components/schemas/([A-Za-z]+)", str(document)):
        assert name in document["components"]["schemas"]


async def test_pages_need_nothing_from_elsewhere(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    for path in ("/", "/docs"):
        page = await client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        style = page.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
        assert not re.findall(r'(?:src|href)="(?!/)', page.text)
    text = (await client.get("/docs")).text
    for name in [*document["paths"], *(spec.name for spec in OPTION_SPECS), *document["components"]["schemas"]]:
        assert name in text


def test_docs_page_escapes() -> None:
    call = {"summary": "<b>", "responses": {"200": {"description": "<i>"}}}
    made = {"info": {"title": "<a>", "version": "1", "description": "`<c>`"}, "paths": {"/<p>": {"get": call}}}
    page = render_docs({**made, "components": {"schemas": {}}})
    assert not re.search("<(?:a|b|i|p|c)>(?=<| )", page.replace("<p><code>", "").replace("<p>", ""))
    assert "&lt;a&gt;" in page
    assert "<code>&lt;c&gt;</code>" in page


async def test_home_speaks_both_languages(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    assert "curl" in text
    assert "照片" in text


def test_http_md_lists_every_error() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| .+ \| .+ \|$", HTTP_MD.read_text("utf-8"), re.MULTILINE)
    assert {kind: int(status) for kind, status in rows} == {kind: error.status for kind, error in sent_errors().items()}


def test_http_md_lists_every_option_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| `([^`]+)` \| .+ \|$", HTTP_MD.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {spec.name: str(spec.default).lower() for spec in OPTION_SPECS}
