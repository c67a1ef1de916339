"""What the gateway is told of a request: whose it is, and which bytes belong to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.conftest import StartNginx
from tests.deploy.nginx_server import NAME, Nginx
from tests.deploy.photos import QUICK, form, noise
from tests.deploy.waiting import line_about
from tests.gateway.replica import Replica

pytestmark = pytest.mark.timeout(60, func_only=True)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def limited(triton_url: str, start_nginx: StartNginx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Before a gateway that takes two uploads a minute from each client."""
    replica = Replica(
        triton_url,
        tmp_path_factory.mktemp("limited") / "log",
        LIMNER_RATE_LIMIT="2/minute",
        LIMNER_TRUSTED_PROXIES="127.0.0.0/24",
    )
    yield start_nginx(f"127.0.0.1:{replica.wait().port}")
    replica.stop()


def test_nobody_leaves_his_quota_by_a_header(limited: Nginx) -> None:
    """Although the client's own address is among those of trusted proxies, whose word the gateway takes."""
    photo = noise(16)
    statuses: list[int] = []
    with limited.new_client("127.0.0.3") as one, limited.new_client("127.0.0.4") as another:
        for client in (one, one, one, one, another):
            address = f"203.0.113.{len(statuses)}"
            spoofed = {"X-Forwarded-For": address, "Forwarded": f"for={address}", "X-Real-IP": address}
            statuses.append(client.post("/v1/enhance", files=form(photo), data=QUICK, headers=spoofed).status_code)
    assert statuses == [200, 200, 429, 429, 200]


def test_the_trace_of_a_request_goes_on(nginx: Nginx, gateway: Replica) -> None:
    traced = nginx.client.get("/v1/models", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert f'"trace.id": "{TRACE}"' in line_about(gateway, traced)


SMUGGLED = f"DELETE /v1/photos/{TRACE} HTTP/1.1\r\nHost: {NAME}\r\n\r\n"
CHUNKED = f"0\r\n\r\n{SMUGGLED}"


@pytest.fixture(scope="module")
def unhurried(gateway: Replica, start_nginx: StartNginx) -> Nginx:
    """Every one of these uploads would be refused for its form, not for the number of them."""
    return start_nginx(f"127.0.0.1:{gateway.port}", changes={"rate=5r/s": "rate=1000r/s"})


def deleted(gateway: Replica) -> int:
    line_about(gateway, gateway.client.get("/healthz"))
    return gateway.log.read_text().count('"message": "DELETE ')


@pytest.mark.parametrize("call", ["/v1/photos", "/v1/models"], ids=["streamed", "other"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKED),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", CHUNKED),
        ("Content-Length: 5\r\nContent-Length: 0", f"12345{SMUGGLED}"),
        ("Content-Length: 0\r\nContent-Length: 0", SMUGGLED),
        ("Content-Length: +0", SMUGGLED),
        ("Content-Length: 0, 0", SMUGGLED),
        ("Content-Length: 0x0", SMUGGLED),
        ("Content-Length: -1", SMUGGLED),
        ("Transfer-Encoding: xchunked", CHUNKED),
        ("Transfer-Encoding: chunked, identity", CHUNKED),
        ("Transfer-Encoding: identity", CHUNKED),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKED),
        ("Transfer-Encoding : chunked", CHUNKED),
        ("Transfer-Encoding:\x0bchunked", CHUNKED),
        ("X-Folded: a\r\n Transfer-Encoding: chunked", CHUNKED),
        ("Transfer-Encoding:\r\n chunked", CHUNKED),
        ("Transfer-Encoding: chunked", f"zz\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked", f"-1\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked", f"{'f' * 20}\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked", f"2\r\nabc\r\n{CHUNKED}"),
    ],
)
def test_requests_that_two_could_read_differently_are_refused(
    unhurried: Nginx, gateway: Replica, call: str, headers: str, body: str
) -> None:
    before = deleted(gateway)
    request = f"POST {call} HTTP/1.1\r\nHost: {NAME}\r\n{headers}\r\n\r\n{body}"
    with unhurried.connect() as connection:
        connection.sendall(request.encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1, "what follows is no second request"
    assert deleted(gateway) == before


def test_what_follows_a_whole_request_is_another_one(unhurried: Nginx, gateway: Replica) -> None:
    before = deleted(gateway)
    with unhurried.connect() as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n\r\n{SMUGGLED}".encode())
        answer = b""
        while b"urn:limner:problem:not-found" not in answer and (piece := connection.recv(65_536)):
            answer += piece
    assert answer.count(b"HTTP/1.1 ") == 2
    assert deleted(gateway) == before + 1


def test_an_upload_in_chunks_passes(unhurried: Nginx) -> None:
    photo = noise(64)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    fields = b'\r\n--b\r\nContent-Disposition: form-data; name="background"\r\n\r\nlanczos\r\n--b--\r\n'
    pieces = iter([head, photo[:1000], photo[1000:], fields])
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert unhurried.client.post("/v1/enhance", content=pieces, headers=kind).status_code == 200
