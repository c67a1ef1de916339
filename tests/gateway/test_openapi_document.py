from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.docs_page import render_docs
from limner.errors import (
    BY_TYPE,
    CapacityError,
    ExportError,
    LimnerError,
    PageBuildError,
    ServerUnreachable,
    ServingError,
    SettingsError,
    WeightsError,
)
from limner.options import OPTION_SPECS
from limner.settings import Settings

HTTP_MD = Path(__file__).parents[2] / "docs" / "http.md"
NEVER_SENT = (SettingsError, WeightsError, ExportError, PageBuildError, ServingError, ServerUnreachable)


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
    calls = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert calls == {
        ("post", "/v1/enhance"),
        ("post", "/v1/photos"),
        ("get", "/v1/photos/{task_id}"),
        ("delete", "/v1/photos/{task_id}"),
        ("get", "/v1/photos/{task_id}/events"),
        ("get", "/v1/photos/{task_id}/image"),
        ("post", "/v1/batches"),
        ("get", "/v1/batches/{batch_id}"),
        ("delete", "/v1/batches/{batch_id}"),
        ("get", "/v1/batches/{batch_id}/events"),
        ("get", "/v1/batches/{batch_id}/archive"),
        ("get", "/v1/models"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    }


@pytest.mark.parametrize("path", ["/v1/enhance", "/v1/photos", "/v1/batches"])
def test_form_has_every_option(document: dict[str, Any], path: str) -> None:
    body = document["paths"][path]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert body["required"] is True
    assert form["required"] == ["file"]
    assert form["additionalProperties"] is False
    limit = "100 MB" if path == "/v1/batches" else "0.1 MB"
    assert limit in form["properties"].pop("file")["description"]
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
            errors = {status: answer for status, answer in call["responses"].items() if status not in {"200", "202"}}
            assert errors
            for status, answer in errors.items():
                assert list(answer["content"]) == ["application/problem+json"]
                assert (status in {"409", "429", "503"}) == ("Retry-After" in answer.get("headers", {}))
    assert set(document["components"]["schemas"]["Problem"]["required"]) >= {"type", "title", "status", "detail"}


def told_of(call: dict[str, Any]) -> set[str]:
    """The types of problems that a call documents."""
    descriptions = (answer["description"] for answer in call["responses"].values())
    return {kind for text in descriptions for kind in re.findall("urn:limner:problem:([a-z-]+)", text)}


def test_enhance_documents_every_error_it_may_send(document: dict[str, Any]) -> None:
    call = document["paths"]["/v1/enhance"]["post"]
    archives = {"damaged-archive", "encrypted-archive", "unsafe-archive", "archive-too-large", "no-photos"}
    tasks = {"not-completed", "gone", "not-found"}
    assert told_of(call) == set(sent_errors()) - archives - tasks - {"method-not-allowed", "invalid-input"}
    assert set(call["responses"]["200"]["content"]) == {"image/jpeg", "image/png", "image/webp"}
    assert "Limner-Report" in call["responses"]["200"]["headers"]


def test_every_error_is_documented_somewhere(document: dict[str, Any]) -> None:
    told = {kind for path in document["paths"].values() for call in path.values() for kind in told_of(call)}
    assert told == set(sent_errors()) - {"method-not-allowed", "invalid-input"}


def test_with_keys_the_document_says_how_to_send_one(document: dict[str, Any]) -> None:
    assert "security" not in document
    with_keys = create_app(Settings(api_keys="k" * 20), "127.0.0.1:1").openapi()
    assert with_keys["security"] == [{"bearer": []}, {"key": []}]
    assert with_keys["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_references_resolve(document: dict[str, Any]) -> None:
    for name in re.findall("#/components/schemas/([A-Za-z]+)", str(document)):
        assert name in document["components"]["schemas"]


async def test_docs_need_nothing_from_elsewhere(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = page.text
    assert "<script" not in text
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert not re.findall(r'(?:src|href)="(?!/)', text)
    for name in [*document["paths"], *(spec.name for spec in OPTION_SPECS), *document["components"]["schemas"]]:
        assert name in text


def test_docs_page_escapes() -> None:
    call = {"summary": "<b>", "responses": {"200": {"description": "<i>"}}}
    made = {"info": {"title": "<a>", "version": "1", "description": "`<c>`"}, "paths": {"/<p>": {"get": call}}}
    page = render_docs({**made, "components": {"schemas": {}}})
    assert not re.search("<(?:a|b|i|p|c)>(?=<| )", page.replace("<p><code>", "").replace("<p>", ""))
    assert "&lt;a&gt;" in page
    assert "<code>&lt;c&gt;</code>" in page


def test_http_md_lists_every_error() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| .+ \| .+ \|$", HTTP_MD.read_text("utf-8"), re.MULTILINE)
    assert {kind: int(status) for kind, status in rows} == {kind: error.status for kind, error in sent_errors().items()}


def test_http_md_lists_every_option_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| `([^`]+)` \| .+ \|$", HTTP_MD.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {spec.name: str(spec.default).lower() for spec in OPTION_SPECS}
