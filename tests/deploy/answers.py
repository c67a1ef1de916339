"""Answers of nginx, and what those have in common that it gives by itself."""

from __future__ import annotations

import httpx

from gateway.envelope import SECURITY_HEADERS
from limner.errors import BY_TYPE
from tests.deploy.nginx_server import Nginx


def said(nginx: Nginx, request: bytes) -> str:
    """The answer to bytes, until the server closes the connection."""
    with nginx.connect() as connection:
        connection.sendall(request)
        answer = b""
        while b"request_id" not in answer and (piece := connection.recv(65_536)):
            answer += piece
    return answer.decode()


def assert_problem(answer: httpx.Response, kind: str) -> None:
    """``answer`` is an error of nginx's own, in every respect as the gateway's are."""
    error = BY_TYPE[kind]
    assert answer.status_code == error.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["title"]) == (f"urn:limner:problem:{kind}", error.title)
    assert problem["status"] == error.status
    assert problem["detail"].endswith(".")
    assert len(problem["request_id"]) == 32
    assert problem["instance"] == f"urn:limner:request:{problem['request_id']}"
    assert answer.headers["x-request-id"] == problem["request_id"]
    expected = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
    assert {name: answer.headers[name] for name in expected} == expected
    assert ("retry-after" in answer.headers) == (error.status in {429, 503})
