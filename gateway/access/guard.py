"""Lets in whoever may, and says who it is. With keys set up, everything needs one but what is listed here."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.client import Client, Networks, address_name
from gateway.access.keys import ROLES, KeyRing
from gateway.problems import problem_response
from limner.errors import Forbidden, LimnerError, Unauthorized

PUBLIC_PATHS: Final = frozenset({"/", "/healthz", "/readyz"})
PUBLIC_FOLDER: Final = "/assets/"
"""What the page at ``/`` loads."""

ROLE_OF_PATH: Final = {"/metrics": "metrics", "/docs": None, "/openapi.json": None}
"""The role that a path asks for; None: any key will do. Every other path, whether it exists or not, asks for
``enhance``."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="limner"'}
_HOW = "Send it in the header `Authorization: Bearer KEY` or `X-API-Key: KEY`."


class Guard:
    """Pure ASGI middleware, directly inside of :class:`gateway.envelope.Envelope`.

    Puts the :class:`Client` into the request's state as ``client``. A refused request is answered before anything
    of its body is read. Refusals have no log line of their own, so that nobody can fill the log faster than by any
    other request; guesses are not counted, because a key has 256 bits.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, trusted_proxies: Networks = ()) -> None:
        self.app = app
        self._keys = keys
        self._trusted = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        try:
            state["client"] = self._admit(scope)
        except LimnerError as error:
            headers = _CHALLENGE if isinstance(error, Unauthorized) else None
            await problem_response(error, state["request_id"], headers)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _admit(self, scope: Scope) -> Client:
        headers = Headers(scope=scope)
        path = scope["path"]
        if not self._keys or _is_public(path):
            peer = scope.get("client")
            name = address_name(peer[0] if peer else None, headers.getlist("x-forwarded-for"), self._trusted)
            return Client(name, "", frozenset() if self._keys else frozenset(ROLES))
        client = self._identify(headers)
        role = ROLE_OF_PATH.get(path, "enhance")
        if role and role not in client.roles:
            raise Forbidden(f"This API key does not have the role `{role}`, which this call needs.")
        return client

    def _identify(self, headers: Headers) -> Client:
        presented = _presented_key(headers)
        if presented is None:
            raise Unauthorized(f"This call needs an API key. {_HOW}")
        key = self._keys.find(presented.encode("latin-1"))
        if key is None:
            raise Unauthorized(f"This API key is not known here. {_HOW}")
        roles = frozenset(ROLES) if "admin" in key.roles else key.roles
        return Client(f"key:{key.name}", key.name, roles, key.limit)


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or (path.startswith(PUBLIC_FOLDER) and ".." not in path)


def _presented_key(headers: Headers) -> str | None:
    """``Authorization`` of another scheme is a proxy's business: then the key is in the other header."""
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    return headers.get("x-api-key", "").strip() or None


async def _caller(request: Request) -> Client:  # FastAPI gives all others to threads
    client: Client = request.state.client
    return client


Caller = Annotated[Client, Depends(_caller)]
"""Type of an endpoint's parameter that receives the client."""
