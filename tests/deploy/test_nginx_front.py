"""How nginx is reached: TLS, names, the way from HTTP to HTTPS, headers, and what is not for the world."""

from __future__ import annotations

import socket
import ssl
import subprocess

import httpx
import pytest

from gateway.envelope import HSTS, SECURITY_HEADERS
from tests.deploy.answers import assert_problem, said
from tests.deploy.nginx_server import NAME, Nginx
from tests.gateway.replica import Replica

pytestmark = pytest.mark.timeout(60, func_only=True)


def test_the_configuration_is_taken_without_a_warning(alone: Nginx) -> None:
    done = subprocess.run(alone.command("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    allowed = ("syntax is ok", "test is successful", '"listen ... http2" directive is deprecated')
    assert [line for line in done.stderr.splitlines() if not any(words in line for words in allowed)] == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_tls_is_spoken(alone: Nginx, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(alone.folder / "tls_cert"))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    bare = socket.create_connection(("127.0.0.1", alone.port), 30)
    with context.wrap_socket(bare, server_hostname=NAME) as connection:
        cipher = connection.cipher()
        assert cipher is not None
        assert cipher[0].startswith(("ECDHE-", "TLS_"))
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.session is None or not connection.session.has_ticket


@pytest.mark.parametrize(
    ("version", "ciphers", "alert"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", "PROTOCOL_VERSION"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", "PROTOCOL_VERSION"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:AES128-SHA", "HANDSHAKE_FAILURE"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(alone: Nginx, version: ssl.TLSVersion, ciphers: str, alert: str) -> None:
    context = ssl.create_default_context(cafile=str(alone.folder / "tls_cert"))
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", alone.port), 30) as bare, pytest.raises(ssl.SSLError, match=alert):
        context.wrap_socket(bare, server_hostname=NAME)


@pytest.mark.parametrize("name", ["photos.example", None])
def test_a_name_that_is_not_ours_gets_no_certificate(alone: Nginx, name: str | None) -> None:
    context = ssl._create_unverified_context()
    bare = socket.create_connection(("127.0.0.1", alone.port), 30)
    with bare, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        context.wrap_socket(bare, server_hostname=name)


def test_a_host_that_is_not_ours_is_a_421(alone: Nginx) -> None:
    answers = [
        alone.client.get("/", headers={"Host": "photos.example"}),
        httpx.get(f"http://127.0.0.1:{alone.http_port}/"),
    ]
    for answer in answers:
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 421


def test_http_leads_to_https(alone: Nginx) -> None:
    for answer in (
        httpx.get(f"http://{NAME}:{alone.http_port}/v1/models?a=b"),
        httpx.post(f"http://{NAME}:{alone.http_port}/v1/models?a=b", content=bytes(100_000)),
    ):
        assert answer.status_code == 308
        assert answer.headers["location"] == f"{alone.url}/v1/models?a=b"
        assert "strict-transport-security" not in answer.headers


def test_acme_challenges_are_answered_over_http(alone: Nginx) -> None:
    challenges = alone.folder / "acme" / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("token.thumbprint")
    place = f"http://{NAME}:{alone.http_port}/.well-known/acme-challenge/"
    assert httpx.get(f"{place}token").text == "token.thumbprint"
    for path in ("other", ""):
        assert_problem(httpx.get(f"{place}{path}"), "not-found")


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/nothing"])
def test_no_header_is_there_twice(nginx: Nginx, gateway: Replica, path: str) -> None:
    through, straight = nginx.client.get(path), gateway.client.get(path)
    names = [name for name, _ in through.headers.multi_items()]
    assert sorted(names) == sorted({*names})
    assert through.headers["strict-transport-security"] == HSTS["Strict-Transport-Security"]
    assert through.headers["server"] == "nginx"
    assert set(straight.headers) | {"server", "connection", "strict-transport-security"} >= set(through.headers)
    assert {name: through.headers[name] for name in SECURITY_HEADERS} == {
        name: straight.headers[name] for name in SECURITY_HEADERS
    }


@pytest.mark.parametrize(
    "path", ["/metrics", "//metrics", "/%6detrics", "/v1/../metrics", "/metrics?a=b", "/./metrics", "/metrics#a"]
)
def test_metrics_are_not_for_the_world(nginx: Nginx, path: str) -> None:
    answer = said(nginx, f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith("HTTP/1.1 404 ")
    assert "limner_build_info" not in answer
