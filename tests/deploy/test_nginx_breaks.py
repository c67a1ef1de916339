"""Clients whose connection breaks: the gateway hears of it as it would without nginx."""

from __future__ import annotations

import socket
import struct

import httpx
import psutil
import pytest

from tests.deploy.nginx_server import NAME, Nginx
from tests.deploy.photos import LARGE, SLOW, form, noise
from tests.deploy.waiting import until
from tests.gateway.replica import Replica

pytestmark = pytest.mark.timeout(180, func_only=True)


def test_a_client_that_leaves_cancels_its_photo(nginx: Nginx, gateway: Replica) -> None:
    before = count(gateway, 'enhancement_requests_total{reason="cancelled",status="499"}')
    with pytest.raises(httpx.ReadTimeout), nginx.new_client() as leaving:
        leaving.post("/v1/enhance", files=form(noise(768)), data=SLOW, timeout=httpx.Timeout(60, read=2))
    wait_for(gateway, 'enhancement_requests_total{reason="cancelled",status="499"}', before + 1)
    wait_for(gateway, "active_tasks", 0)


def test_an_upload_that_breaks_off_is_no_task(nginx: Nginx, gateway: Replica) -> None:
    before = count(gateway, 'uploads_refused_total{reason="cancelled"}')
    connections = len(psutil.Process(gateway.pid).net_connections())
    head = f"POST /v1/photos HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 1000000\r\n"
    sender = nginx.connect()
    sender.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
    sender.sendall(b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + bytes(300_000))
    until(
        lambda: len(psutil.Process(gateway.pid).net_connections()) > connections,
        "an upload reaches the gateway only when all of it was sent",
    )
    break_off(sender)
    wait_for(gateway, 'uploads_refused_total{reason="cancelled"}', before + 1)


def test_a_download_that_breaks_off_can_be_fetched_again(nginx: Nginx, gateway: Replica) -> None:
    task_id = gateway.submit(noise(1300), LARGE)
    gateway.until(task_id, "completed")
    reader = nginx.connect(receive_buffer=65_536)
    reader.sendall(f"GET /v1/photos/{task_id}/image HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    assert reader.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert nginx.client.get(f"/v1/photos/{task_id}/image").status_code == 410, "it is not being delivered"
    break_off(reader)
    answers: list[httpx.Response] = []

    def fetch() -> bool:
        assert gateway.state(task_id)["status"] == "completed", "what was not received is wiped"
        answers.append(nginx.client.get(f"/v1/photos/{task_id}/image"))
        return answers[-1].status_code != 410

    until(fetch, "what was not received is not given back")
    assert answers[-1].status_code == 200
    assert len(answers[-1].content) > 15_000_000
    assert gateway.state(task_id)["status"] == "cleaned"


def break_off(connection: socket.socket) -> None:
    """Close it as a client does that is gone: with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def count(gateway: Replica, metric: str) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{metric} ")), 0.0)


def wait_for(gateway: Replica, metric: str, value: float) -> None:
    until(lambda: count(gateway, metric) == value, f"{metric} does not become {value}")
