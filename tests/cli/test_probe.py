"""``limner probe gateway``: its exit code, and the reason. That of Triton is tried with ``limner triton``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import tritonclient.grpc as triton
from click.testing import CliRunner
from tritonclient.utils import InferenceServerException

from cli.main import cli
from cli.probe_command import NotHealthy, ask_gateway, ask_triton
from limner.settings import Settings, get_settings
from serving.process import free_port, own_url
from tests.gateway.replica import Replica


@pytest.fixture(scope="module")
def gateway(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    replica = Replica(triton_url, tmp_path_factory.mktemp("gateway") / "log", LIMNER_CANARY_INTERVAL="1")
    yield replica.wait()
    replica.stop()


def test_ready_gateway(gateway: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    monkeypatch.setenv("LIMNER_PORT", str(gateway.port))
    deadline = time.monotonic() + 60  # its first canary may still be on its way
    while (answer := CliRunner().invoke(cli, ["probe", "gateway"])).exit_code and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.output == "ready\n"
    assert CliRunner().invoke(cli, ["probe", "gateway", "--alive"]).output == "ok\n"
    get_settings.cache_clear()


def test_gateway_without_a_triton_is_alive_and_not_ready(tmp_path: Path) -> None:
    lonely = Replica(f"127.0.0.1:{free_port()}", tmp_path / "log", LIMNER_CANARY_INTERVAL="0.2")
    try:
        settings = Settings(port=lonely.wait().port)
        assert ask_gateway(settings, "/healthz", 10) == "ok"
        with pytest.raises(NotHealthy, match=r"answered 503: .*[Nn]o"):
            ask_gateway(settings, "/readyz", 10)
    finally:
        lonely.stop()


def test_nobody_there() -> None:
    with pytest.raises(NotHealthy, match="does not answer"):
        ask_gateway(Settings(port=free_port()), "/readyz", 1)
    with pytest.raises(NotHealthy, match="canary"):
        ask_triton(Settings(triton_grpc_port=free_port()), 1, full_is_healthy=True)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"\xff", b""])
def test_something_else_is_there(content: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(NotHealthy, match="does not answer"):
                ask_gateway(Settings(port=server.server_port), "/readyz", 5)
        finally:
            server.shutdown()


def test_a_full_triton_is_alive_and_not_ready(triton_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton's own words for it, as the entry point's queue has them."""
    settings = Settings(triton_grpc_port=int(triton_url.rpartition(":")[2]))
    assert ask_triton(settings, 30, full_is_healthy=False) == "ready"

    def full(*_: object, **__: object) -> None:
        raise InferenceServerException("[temporary-reduced-capacity] The server is full. Try again.")

    monkeypatch.setattr(triton.InferenceServerClient, "infer", full)
    assert ask_triton(settings, 30, full_is_healthy=True) == "full"
    with pytest.raises(NotHealthy, match="refused"):
        ask_triton(settings, 30, full_is_healthy=False)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "127.0.0.1:8001"),
        ("0.0.0.0", "127.0.0.1:8001"),
        ("::", "[::1]:8001"),
        ("10.1.2.3", "10.1.2.3:8001"),
        ("triton", "triton:8001"),
    ],
)
def test_how_this_machine_reaches_itself(host: str, url: str) -> None:
    assert own_url(host, 8001) == url
