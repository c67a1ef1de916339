"""Heads that no client of good will sends."""

from __future__ import annotations

from collections.abc import Iterator

from tests.deploy.nginx_server import NAME
from tests.hostile.attacks.forms import ask, form_body
from tests.hostile.door import Answer, Door
from tests.hostile.tally import Tally

_PATHS = (
    "/../v1/models",
    "/..%2fv1/models",
    "/%2e%2e/v1/models",
    "/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/assets/../../pyproject.toml",
    "/assets/..%2f..%2fpyproject.toml",
    "/assets/%2e%2e/%2e%2e/gateway/app.py",
    "/assets/..%5c..%5cpyproject.toml",
    "/assets/..\\..\\pyproject.toml",
    "/assets/....//....//pyproject.toml",
    "/assets/%252e%252e%252fpyproject.toml",
    "/assets/%c0%ae%c0%ae/pyproject.toml",
    "/assets/%e0%80%ae%e0%80%ae/pyproject.toml",
    "/assets/..;/..;/pyproject.toml",
    "/assets//etc/passwd",
    "/assets/%2fetc%2fpasswd",
    "/assets/%00",
    "/assets/x%00.js",
    "/assets/C:%5cwindows",
    "//v1/models/../metrics",
    "///",
    "/metrics;x=1",
    "/metrics/",
    "/metrics%2f",
    "/METRICS",
    "/./metrics/.",
    "/v1/photos/%2e%2e/%2e%2e/metrics",
    "/v1/photos/..%2f..%2fmetrics",
    "/v1/photos/%00",
    "/v1/photos/%ff%fe",
    "/v1/photos/%0d%0aX-Injected:%20yes",
    "/v1/photos/%F0%9F%98%80/image",
    "/limner-problem/internal-error",
    "/%",
    "/%zz",
    "/%u002e",
    "/?" + "a=b&" * 800,
    "*",
    "metrics",
    "http://localhost/v1/../metrics",
    "http://evil.invalid/metrics",
    "https://user:secret@localhost/metrics",
    "file:///etc/passwd",
    "localhost:443",
)

_METHODS = ("get", "G", "FOO", "TRACE", "TRACK", "CONNECT", "PROPFIND", "PRI", "OPTIONS", "PATCH", "M" * 4000, "GE\tT")

_HOSTS = (
    "Host:",
    "Host: evil.invalid",
    "Host: localhost:99999",
    "Host: localhost@evil.invalid",
    "Host: localhost/../",
    "Host: local host",
    "Host: [::1",
    "Host: localhost\r\nHost: evil.invalid",
    "Host : localhost",
    "X-No-Host: yes",
    "Host: ..%2f",
    "Host: \x00",
    "Host: " + "a" * 5000,
)

_HEADERS = (
    "X-Long: " + "a" * 20_000,
    "a" * 20_000 + ": x",
    "\r\n".join(f"X-{number}: y" for number in range(1500)),
    "no colon",
    ": no name",
    "X-Bare: a\rb",
    "X-Nul: a\x00b",
    "X-Bell: \x07",
    "X-Del: \x7f",
    "X-High: \xff\xfe",
    "Connection: close, keep-alive, host, content-length, x-request-id",
    "Connection: " + "x, " * 1000,
    "Range: bytes=0-0,1-1,2-2",
    "If-None-Match: " + '"x",' * 500,
    "Accept-Encoding: " + "gzip;q=0.1," * 200,
    "Cookie: " + "a=b; " * 500,
    "Authorization: Bearer " + "k" * 3000,
    "Authorization: Basic " + "=" * 100,
    "traceparent: 00-" + "0" * 32 + "-" + "0" * 16 + "-00",
    "traceparent: " + "f" * 3000,
    "tracestate: " + "a=b," * 800,
    "X-Forwarded-For: " + "1.2.3.4, " * 400,
    "X-Forwarded-For: ::ffff:0:0, [::1]:80, 0x7f.1, 999.1.1.1, localhost",
    "Forwarded: for=" + '"[' * 300,
    "X-HTTP-Method-Override: DELETE",
    "X-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13",
    "Upgrade: TLS/1.0\r\nConnection: Upgrade",
    "Expect: 200-ok",
    "TE: trailers, chunked;q=0.5",
    "Content-Encoding: gzip, gzip, gzip",
    "Max-Forwards: -1",
)

_FIRST_LINES = (
    b"\r\n\r\n\r\n\x00",
    b"\x00" * 100,
    b"\xff" * 20_000,
    b"GET /healthz\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"GET /healthz HTTP/0.9\r\n\r\n",
    b"GET /healthz HTTP/1.2\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /healthz HTTP/2.0\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /healthz HTTP/11\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1 x\r\nHost: localhost\r\n\r\n",
    b"GET  /healthz  HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET\t/healthz\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz http/1.1\r\nHost: localhost\r\n\r\n",
    b" GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /heal\x00thz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /heal\xc0\xafthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n",
    b"GET /healthz HTTP/1.1\r\rHost: localhost\r\r",
    b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
)


def heads() -> Iterator[bytes]:
    """Whole requests, each for a connection of its own. Those that could be answered are for /metrics or /healthz."""
    closing = "Connection: close\r\n"
    yield from _FIRST_LINES
    for path in _PATHS:
        yield ask(path, headers=closing)
    for method in _METHODS:
        yield ask("/healthz", method, closing)
    for host in _HOSTS:
        yield f"GET /healthz HTTP/1.1\r\n{host}\r\n{closing}\r\n".encode("latin-1")
    for header in _HEADERS:
        yield f"GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n{header}\r\n{closing}\r\n".encode("latin-1")


_FORMS = (
    "",
    "Content-Type:",
    "Content-Type: multipart/form-data",
    "Content-Type: multipart/form-data; boundary=",
    'Content-Type: multipart/form-data; boundary=""',
    'Content-Type: multipart/form-data; boundary="unclosed',
    "Content-Type: multipart/form-data; boundary=" + "b" * 10_000,
    "Content-Type: multipart/form-data; boundary=a; boundary=limner-hostile",
    "Content-Type: multipart/form-data; boundary=limner-hostile; boundary=a",
    "Content-Type: multipart/form-data; boundary=a\r\nContent-Type: multipart/form-data; boundary=b",
    "Content-Type: multipart/form-data; boundary*=utf-8''limner-hostile",
    "Content-Type: multipart/form-data; boundary=\xff\xfe",
    "Content-Type: multipart/form-data; boundary=-",
    "Content-Type: multipart/mixed; boundary=limner-hostile",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Type: application/json",
    "Content-Type: multipart/form-data, text/plain; boundary=limner-hostile",
    "Content-Type: " + "multipart/" * 300,
    "Content-Type: multipart/form-data; " + "a=b; " * 600 + "boundary=limner-hostile",
)


def forms(path: str, file: bytes) -> Iterator[bytes]:
    """Uploads whose type is not what their body is, or is none at all."""
    body = form_body(file)
    for kind in _FORMS:
        lines = f"{kind}\r\n" if kind else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n"
        )
        yield head.encode("latin-1") + body
    typed = "Content-Type: multipart/form-data; boundary=limner-hostile\r\nConnection: close\r\n"
    yield ask(path, "POST", f"{typed}Expect: 100-continue\r\nContent-Length: 0\r\n")
    yield ask(path, "POST", f"{typed}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n"
    trailer = b"0\r\nX-Trailer: yes\r\nContent-Type: text/html\r\n\r\n"
    chunked = ask(path, "POST", f"{typed}Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n")
    yield chunked + b"%x\r\n%s\r\n" % (len(body), body) + trailer


async def knock(door: Door, request: bytes, tally: Tally, source: str = "127.0.0.1") -> list[Answer]:
    """All answers until the server closes the connection, after whatever stands for the end of a head was sent."""
    async with door.line(source) as line:
        tally.connections += 1
        tally.requests += 1
        await line.send(request)
        if b"\r\n\r\n" not in request.lstrip(b"\r\n"):
            await line.send(b"\r\n\r\n")
        try:
            answers = await line.answers(head=False)
        except TimeoutError:
            tally.hangs += 1
            return []
    tally.note(answers[-1] if answers else None)
    return answers
