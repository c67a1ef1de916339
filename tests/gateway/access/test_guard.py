"""The guard in front of an application: who gets in where, and as whom."""

from __future__ import annotations

import ipaddress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from gateway.access.guard import Caller, Guard
from gateway.access.keys import KeyRing, hash_of, parse_keys
from gateway.envelope import Envelope
from gateway.problems import PROBLEM_MEDIA_TYPE

KEYS = {role: f"limner_{role * 10}" for role in ("enhance", "metrics", "admin")}
RING = KeyRing(
    parse_keys(
        ",".join(f"{role}er:{hash_of(key)}:{role}" for role, key in KEYS.items()) + ":5/minute"  # the admin's limit
    )
)
PROXY = ipaddress.ip_network("10.0.0.1")

PUBLIC = ["/", "/healthz", "/readyz", "/assets/page.js"]
ENHANCE = ["/v1/enhance", "/v1/photos/0/image", "/v1", "/nowhere", "/metrics/", "//metrics", "/Metrics", "/assets"]
CLOSED = [*ENHANCE, "/metrics", "/docs", "/openapi.json", "/healthz/", "/assets/../v1/models", "/readyz/.."]


def guarded(ring: KeyRing, *proxies: ipaddress.IPv4Network | ipaddress.IPv6Network) -> FastAPI:
    """An application that tells at every path who is calling."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, keys=ring, trusted_proxies=proxies)
    app.add_middleware(Envelope)

    @app.api_route("/{path:path}", methods=["GET", "POST", "OPTIONS"])
    async def whoami(caller: Caller, request: Request) -> dict[str, Any]:
        assert request.state.client is caller
        return {"name": caller.name, "owner": caller.owner, "roles": sorted(caller.roles), "limit": caller.limit}

    return app


async def get(
    app: FastAPI, path: str, headers: Any = None, peer: str = "203.0.113.7", method: str = "GET"
) -> httpx.Response:
    async def as_it_is(scope: Scope, receive: Receive, send: Send) -> None:
        """httpx takes the dots out of a path, which an attacker's client does not."""
        await app({**scope, "path": path.partition("?")[0]}, receive, send)

    transport = httpx.ASGITransport(as_it_is, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://limner.invalid") as client:
        return await client.request(method, path, headers=headers)


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[role]}"}


@pytest.mark.parametrize("path", [*PUBLIC, *CLOSED])
async def test_without_keys_everything_is_open_to_an_address(path: str) -> None:
    answer = await get(guarded(KeyRing()), path, {"X-API-Key": KEYS["admin"]})
    assert answer.json() == {
        "name": "address:203.0.113.7",
        "owner": "",
        "roles": ["admin", "enhance", "metrics"],
        "limit": None,
    }


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_paths_need_no_key_and_give_no_role(path: str) -> None:
    answer = await get(guarded(RING), path, {"X-API-Key": "wrong"})
    assert answer.json() == {"name": "address:203.0.113.7", "owner": "", "roles": [], "limit": None}


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "TRACE"])
async def test_everything_else_is_closed(path: str, method: str) -> None:
    answer = await get(guarded(RING), path, method=method)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="limner"'


async def test_refusal_is_a_problem_with_the_request_id() -> None:
    answer = await get(guarded(RING), "/v1/enhance", {"X-API-Key": "a-wrong-key"})
    assert answer.headers["Content-Type"] == PROBLEM_MEDIA_TYPE
    problem = answer.json()
    assert problem["type"] == "urn:limner:problem:unauthorized"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert "not known" in problem["detail"]
    assert "a-wrong-key" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": KEYS["enhance"]},
        {"Authorization": f"Basic {KEYS['enhance']}"},
        {"Authorization": f"Bearer {KEYS['enhance']}x"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer wrong, Bearer {KEYS['enhance']}"},
        {"Authorization": "Bearer wrong", "X-API-Key": KEYS["enhance"][:-1]},
        {"Authorization": f"Bearer {hash_of(KEYS['enhance'])}"},
        {"X-API-Key": ""},
        {"X-API-Key": b"\xff\xfe"},
        {"Cookie": f"X-API-Key={KEYS['enhance']}"},
    ],
)
async def test_what_is_no_key(headers: dict[str, Any]) -> None:
    assert (await get(guarded(RING), "/v1/models", headers)).status_code == 401


async def test_key_in_the_query_is_no_key() -> None:
    assert (await get(guarded(RING), f"/v1/models?X-API-Key={KEYS['admin']}")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        bearer("admin"),
        {"Authorization": f"bearer   {KEYS['admin']} "},
        {"X-API-Key": KEYS["admin"]},
        {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": KEYS["admin"]},  # a proxy's own
    ],
)
async def test_key_gives_name_roles_and_limit(headers: dict[str, str]) -> None:
    answer = await get(guarded(RING), "/v1/models", headers)
    assert answer.json() == {
        "name": "key:adminer",
        "owner": "adminer",
        "roles": ["admin", "enhance", "metrics"],
        "limit": "5/minute",
    }


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        *(("enhance", path, 200) for path in ENHANCE),
        *(("admin", path, 200) for path in CLOSED),
        *(("metrics", path, 403) for path in ENHANCE),
        ("metrics", "/metrics", 200),
        ("enhance", "/metrics", 403),
        *((role, path, 200) for role in KEYS for path in ("/docs", "/openapi.json")),
    ],
)
async def test_roles(role: str, path: str, status: int) -> None:
    answer = await get(guarded(RING), path, bearer(role))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["type"] == "urn:limner:problem:forbidden"
        assert "WWW-Authenticate" not in answer.headers


async def test_address_behind_a_trusted_proxy() -> None:
    forwarded = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.1, 10.0.0.1")]
    app = guarded(KeyRing(), PROXY)
    assert (await get(app, "/", forwarded, "10.0.0.1")).json()["name"] == "address:198.51.100.1"
    assert (await get(app, "/", forwarded, "10.0.0.2")).json()["name"] == "address:10.0.0.2"


@pytest.mark.parametrize(("headers", "status"), [([], 401), ([(b"x-api-key", KEYS["metrics"].encode())], 403)])
async def test_body_of_a_refused_upload_is_not_read(headers: list[tuple[bytes, bytes]], status: int) -> None:
    async def receive() -> Message:
        raise AssertionError("somebody read the body")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/enhance",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-length", b"20000000"), *headers],
        "client": None,
        "server": ("limner.invalid", 80),
    }
    await guarded(RING)(scope, receive, send)
    assert sent[0]["status"] == status


async def test_lifespan_passes() -> None:
    app = guarded(RING)
    async with app.router.lifespan_context(app):
        assert (await get(app, "/healthz")).status_code == 200
