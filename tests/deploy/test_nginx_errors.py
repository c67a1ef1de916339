"""nginx's own errors and limits; what it says looks as if the gateway had said it."""

from __future__ import annotations

import httpx
import pytest

from limner.errors import BY_TYPE
from tests.deploy.answers import assert_problem, said
from tests.deploy.conftest import StartNginx
from tests.deploy.nginx_server import NAME, Nginx
from tests.deploy.photos import form
from tests.deploy.waiting import until
from tests.gateway.replica import Replica

pytestmark = pytest.mark.timeout(60, func_only=True)


@pytest.mark.parametrize("path", ["/", "/readyz", "/v1/photos/0123/image", "/v1/enhance"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_gateway(alone: Nginx, method: str, path: str) -> None:
    assert_problem(alone.client.request(method, path, content=bytes(10_000)), "server-unreachable")


@pytest.mark.parametrize(
    ("path", "most"),
    [("/v1/enhance", 21 << 20), ("/v1/photos", 21 << 20), ("/v1/batches", 101 << 20), ("/v1/models", 16 << 10)],
)
def test_uploads_are_limited_by_call(alone: Nginx, path: str, most: int) -> None:
    for size, kind in ((most, "server-unreachable"), (most + 1, "file-too-large")):
        head = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {size}\r\n\r\n".encode()
        assert f"urn:limner:problem:{kind}" in said(alone, head + bytes(min(size, 16 << 10)))


@pytest.mark.parametrize(
    ("request_line", "kind"),
    [
        ("GET /" + "a" * 5000 + " HTTP/1.1", "invalid-input"),
        ("GET / HTTP/1.1\r\nX-Long: " + "a" * 5000, "invalid-input"),
        ("GET / HTTP/9.9", "invalid-input"),
        ("GET /%00 HTTP/1.1", "invalid-input"),
        ("nonsense", "invalid-input"),
        ("TRACE / HTTP/1.1", "method-not-allowed"),
    ],
    ids=["path", "header", "version", "nul", "nonsense", "trace"],
)
def test_heads_that_are_refused(alone: Nginx, request_line: str, kind: str) -> None:
    answer = said(alone, f"{request_line}\r\nHost: {NAME}\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {BY_TYPE[kind].status} ")
    assert f'"type":"urn:limner:problem:{kind}"' in answer
    assert f'"status":{BY_TYPE[kind].status},' in answer


def test_http_on_the_port_of_https(alone: Nginx) -> None:
    assert_problem(httpx.get(f"http://{NAME}:{alone.port}/"), "invalid-input")


@pytest.mark.parametrize("kind", ["not-found", "quota-exceeded"])
def test_error_pages_are_no_pages(alone: Nginx, kind: str) -> None:
    assert_problem(alone.client.get(f"/limner-problem/{kind}"), "not-found")


@pytest.fixture(scope="module")
def strict(gateway: Replica, start_nginx: StartNginx) -> Nginx:
    """It forgives nothing within the minutes of a test, and takes three requests at once."""
    return start_nginx(
        f"127.0.0.1:{gateway.port}", changes={"limner_clients 100": "limner_clients 3", "rate=5r/s": "rate=1r/m"}
    )


def test_a_flood_of_uploads_is_held_back(strict: Nginx) -> None:
    answers = [strict.client.post("/v1/photos", files=form(b"")) for _ in range(24)]
    assert [answer.status_code for answer in answers] == [400] * 21 + [429] * 3, "an empty file is the gateway's 400"
    assert_problem(answers[-1], "quota-exceeded")
    with strict.new_client("127.0.0.2") as other:
        assert other.post("/v1/photos", files=form(b"")).status_code == 400
    assert strict.client.get("/v1/models").status_code == 200, "only uploads are counted"


def test_a_client_has_only_so_many_requests_at_once(strict: Nginx) -> None:
    held = [strict.connect() for _ in range(3)]
    for connection in held:
        connection.sendall(f"POST /healthz HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 9\r\n\r\n".encode())
    until(lambda: strict.client.get("/healthz").status_code == 429)
    assert_problem(strict.client.get("/healthz"), "quota-exceeded")
    with strict.new_client("127.0.0.2") as other:
        assert other.get("/healthz").status_code == 200
    for connection in held:
        connection.close()
    until(lambda: strict.client.get("/healthz").status_code == 200)


def test_addresses_of_one_site_are_one_client(gateway: Replica, start_nginx: StartNginx) -> None:
    """By the first 64 bits of IPv6, as the gateway counts."""
    pretending = "set_real_ip_from 127.0.0.1; real_ip_header X-Test;"
    nginx = start_nginx(
        f"127.0.0.1:{gateway.port}",
        changes={"server_tokens off;": f"server_tokens off; {pretending}", "rate=5r/s": "rate=1r/m", "burst=20": ""},
    )
    sources = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2", "192.0.2.1"]
    answers = [nginx.client.post("/v1/photos", files=form(b""), headers={"X-Test": source}) for source in sources]
    assert [answer.status_code for answer in answers] == [400, 429, 400, 400, 400, 429]
