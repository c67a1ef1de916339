"""What nginx logs: enough to see what goes wrong, nothing about whom."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from limner.settings import Settings
from tests.deploy.conftest import StartNginx
from tests.deploy.nginx_server import NAME, Nginx
from tests.deploy.photos import QUICK, form, noise
from tests.deploy.waiting import line_about, until
from tests.gateway.replica import SECONDS, Replica

pytestmark = pytest.mark.timeout(60, func_only=True)

TASK = "0576debfcaa1912e4b2806a67bdf08c1"
FIELDS = {
    *("@timestamp", "log.level", "log.logger", "message", "event.action", "event.duration", "http.request.method"),
    *("http.request.bytes", "http.response.body.bytes", "http.response.status_code", "http.route", "http.request.id"),
    "limner.gateway.status",
}


def line_of(nginx: Nginx, answer: httpx.Response) -> dict[str, Any]:
    """nginx's line about the request that was answered so; it is written once the answer is sent."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [line for line in nginx.lines() if line["http.request.id"] == answer.headers["x-request-id"]]
        return bool(found)

    until(look, "nginx has no line about it")
    return found[0]


def test_a_line_goes_with_the_gateways_by_its_request_id(nginx: Nginx, gateway: Replica) -> None:
    answer = nginx.client.post("/v1/enhance", files=form(noise(16)), data=QUICK)
    line = line_of(nginx, answer)
    assert set(line) == FIELDS
    assert line["message"] == "POST /v1/enhance 200"
    assert line["limner.gateway.status"] == "200"
    assert line["http.response.body.bytes"] == len(answer.content)
    assert isinstance(line["event.duration"], int)
    assert line["event.duration"] >= 1_000_000
    assert line["event.duration"] <= SECONDS * 1e9
    assert '"POST /v1/enhance 200"' in line_about(gateway, answer)


def test_routes_are_those_of_the_gateway(alone: Nginx) -> None:
    described = create_app(Settings(), "127.0.0.1:1").openapi()["paths"]
    routes = {"/", "/assets/{name}", "/docs", "/openapi.json", *described}
    assert "/v1/photos/{task_id}/image" in routes
    for route in routes:
        path = re.sub(r"\{\w+\}", TASK, route)
        for asked in (path, f"{path}?a=b"):
            assert line_of(alone, alone.client.get(asked))["http.route"] == route
    for path in (f"/{TASK}", f"/v1/photos/{TASK}/other", f"/v1/photos//{TASK}", f"/v1/%70hotos/{TASK}"):
        assert line_of(alone, alone.client.get(path))["http.route"] == "unknown"


def failures(nginx: Nginx) -> None:
    """Requests that fail in many ways, each with a task's id, a file's name or a made-up text in it."""
    for path in (f"/v1/photos/{TASK}", f"/v1/photos/{TASK}/image?{TASK}", f"/v1/photos/{TASK}/events/%00"):
        nginx.client.get(path, headers={"Referer": f"https://{NAME}/{TASK}", "User-Agent": TASK})
    for method in ("BREW", TASK):
        nginx.client.request(method, "/")
    nginx.client.post("/v1/models", content=bytes(100_000), headers={"Cookie": TASK})
    nginx.client.post("/v1/photos", files=form(noise(16), f"{TASK}.png"))
    nginx.client.get("/", headers={"Host": f"{TASK}.example"})
    for garbage in (b"\x16\x03\x01" + bytes(50), f"GET /{TASK} HTTP/1.1\r\n\r\n".encode()):
        with nginx.connect() as connection:
            connection.sendall(garbage)
            connection.recv(1)


def test_failing_requests_leave_no_id_no_address_and_no_name(alone: Nginx, start_nginx: StartNginx) -> None:
    failures(alone)
    text = alone.logged()
    for message in ("GET /v1/photos/{task_id} 503", "other / 503", "POST /v1/models 413", "GET / 421"):
        assert f'"message":"{message}"' in text
    assert TASK not in text
    assert "127.0.0." not in text
    deprecated = '"listen ... http2" directive is deprecated'
    assert [line for line in alone.errors.read_text().splitlines() if deprecated not in line] == []
    # With nginx's own error lines, all of that would be there.
    talkative = start_nginx("127.0.0.1:1", changes={"error_log /dev/null emerg": "error_log stderr error"})
    failures(talkative)
    assert TASK in talkative.errors.read_text()
    assert "client: 127.0.0.1" in talkative.errors.read_text()
