"""Triton listens on an address of IPv6, and is reached there."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as triton

from limner.canary import LIGHT_PARAMETERS
from limner.errors import SettingsError
from limner.settings import Settings
from serving.canary import send_canary
from serving.photo_metrics import photos_at_work
from serving.process import Endpoint, free_port, own_url, require_free_port
from serving.supervisor import Supervisor


@pytest.fixture
def _loopback() -> None:
    try:
        free_port("::1")
    except OSError:
        pytest.skip("this machine has no loopback of IPv6: sysctl net.ipv6.conf.lo.disable_ipv6")


@pytest.mark.parametrize(
    ("host", "url"),
    [("::", "[::1]:8001"), ("fd00::2", "[fd00::2]:8001"), ("0.0.0.0", "127.0.0.1:8001"), ("10.0.0.1", "10.0.0.1:8001")],
)
def test_a_server_is_asked_where_it_listens(host: str, url: str) -> None:
    assert own_url(host, 8001) == Endpoint(8001, 8002, host=host).url == url


@pytest.mark.usefixtures("_loopback")
def test_everything_works_and_listens_on_its_loopback(tmp_path: Path) -> None:
    endpoint = Endpoint(free_port("::1"), free_port("::1"), host="::1")
    assert endpoint.url == f"[::1]:{endpoint.grpc}"
    with Supervisor(Settings(data=tmp_path), endpoint) as server:
        with triton.InferenceServerClient(endpoint.url) as client:
            send_canary(client, LIGHT_PARAMETERS, timeout=60)
        assert photos_at_work(endpoint) == 0
        assert server.process is not None
        sockets = psutil.Process(server.process.pid).net_connections()
        assert {it.laddr.ip for it in sockets if it.status == psutil.CONN_LISTEN} == {"::1"}


@pytest.mark.usefixtures("_loopback")
def test_a_taken_port_is_named_in_brackets() -> None:
    port = free_port("::1")
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", port))
        taken.listen()
        with pytest.raises(SettingsError, match=rf"\[::1\]:{port} cannot be listened on"):
            require_free_port("::1", port, "LIMNER_TRITON_GRPC_PORT")
