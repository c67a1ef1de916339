"""Requests as bytes."""

from __future__ import annotations

from collections.abc import Mapping

from tests.deploy.nginx_server import NAME

BOUNDARY = "limner-hostile"


def form_body(file: bytes, fields: Mapping[str, str] | None = None, name: str = "a.png") -> bytes:
    """multipart/form-data with :data:`BOUNDARY`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    others = "".join(
        f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}'
        for field, value in (fields or {}).items()
    )
    return head.encode() + file + f"{others}\r\n--{BOUNDARY}--\r\n".encode()


def upload(path: str, file: bytes, headers: str = "", fields: Mapping[str, str] | None = None) -> bytes:
    """A whole request; ``headers`` are lines with their ends."""
    body = form_body(file, fields)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def ask(path: str, method: str = "GET", headers: str = "") -> bytes:
    """A request without a body."""
    return f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\n{headers}\r\n".encode()
