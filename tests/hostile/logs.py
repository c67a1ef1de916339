"""What the logs of the gateway and of nginx say about the same requests."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.waiting import until
from tests.hostile.site import Site


def carried_out(site: Site) -> dict[str, tuple[str, str]]:
    """All requests that the gateway has answered: method and route by request id."""
    last = site.gateway.client.get("/healthz").headers["x-request-id"]
    until(lambda: last in site.gateway.log.read_text("utf-8"), "the gateway has no line about it")
    lines = [json.loads(line) for line in site.gateway.log.read_text("utf-8").splitlines() if line.startswith("{")]
    return {line["http.request.id"]: _what(line) for line in lines if line["log.logger"] == "limner.access"}


def passed_on(site: Site) -> dict[str, tuple[str, str]]:
    """All requests that nginx knows of: method and route by request id."""
    assert site.nginx is not None
    return {line["http.request.id"]: _what(line) for line in site.nginx.lines() if "http.request.id" in line}


def _what(line: dict[str, Any]) -> tuple[str, str]:
    return line["http.request.method"], line["http.route"]
