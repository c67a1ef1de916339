"""Two real gateways, one Redis, and a DNS name with both their addresses."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from serving.process import free_port
from tests.deploy.conftest import StartNginx
from tests.deploy.name_server import NameServer
from tests.deploy.nginx_server import Nginx
from tests.deploy.photos import QUICK, SLOW, form, noise
from tests.deploy.waiting import until
from tests.gateway.redis_server import RedisServer
from tests.gateway.replica import Replica

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(120, func_only=True)

ADDRESSES = ("127.0.0.1", "127.0.0.2")


class Pair:
    """Gateways that differ in their address, not in their port, as containers do."""

    def __init__(self, triton_url: str, redis_url: str, folder: Path) -> None:
        self.port = free_port()
        self._triton_url, self._redis_url, self._folder = triton_url, redis_url, folder
        self.gateways: dict[str, Replica] = {}

    def start(self, address: str, **settings: str) -> Replica:
        if address in self.gateways:
            self.gateways.pop(address).stop()
        gateway = Replica(
            self._triton_url,
            self._folder / f"{address}.log",
            LIMNER_REDIS_URL=self._redis_url,
            LIMNER_HOST=address,
            LIMNER_PORT=str(self.port),
            LIMNER_TRUSTED_PROXIES="127.0.0.1",
            LIMNER_CANARY_INTERVAL="1",
            **settings,
        )
        gateway.client.base_url = httpx.URL(f"http://{address}:{self.port}")
        self.gateways[address] = gateway
        return gateway

    def stop(self) -> None:
        for gateway in self.gateways.values():
            gateway.stop()

    def asked(self, address: str) -> int:
        """How often a gateway has told of its models."""
        return len(re.findall("/v1/models 200", self.gateways[address].log.read_text()))


@pytest.fixture
def pair(triton_url: str, redis_server: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(triton_url, redis_server.url, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer(*ADDRESSES) as running:
        yield running


@pytest.fixture
def before_both(pair: Pair, names: NameServer, start_nginx: StartNginx) -> Nginx:
    for address in ADDRESSES:
        pair.start(address)
    for gateway in pair.gateways.values():
        gateway.wait()
    return start_nginx(f"gateway.test:{pair.port}", names.address)


def test_either_gateway_answers_for_a_task(before_both: Nginx, pair: Pair) -> None:
    answer = before_both.client.post("/v1/photos", files=form(noise(64)), data=QUICK)
    place = answer.headers["location"]
    pair.gateways["127.0.0.2"].until(place.rpartition("/")[2], "completed")
    for _ in range(20):
        assert before_both.client.get(place).json()["status"] == "completed"
        assert before_both.client.get("/v1/models").status_code == 200
    assert before_both.client.get(f"{place}/image").status_code == 200
    assert min(map(pair.asked, ADDRESSES)) > 0, "one gateway is never asked"


def test_a_dead_gateway_is_passed_over(before_both: Nginx, pair: Pair, names: NameServer) -> None:
    """Its address is still in DNS. One photo is sent whole each time, although nginx keeps nothing of it."""
    pair.gateways["127.0.0.1"].kill()
    photo = noise(400)
    for _ in range(10):
        assert before_both.client.get("/v1/models").status_code == 200
        assert before_both.client.post("/v1/photos", files=form(photo), data=QUICK).status_code == 202
        assert before_both.client.get("/readyz").status_code in {200, 503}
    statuses = {line["limner.gateway.status"] for line in before_both.lines()}
    assert {"502, 200", "502, 202"} <= statuses, "the dead one was never tried"
    pair.gateways["127.0.0.2"].kill()
    answer = before_both.client.post("/v1/photos", files=form(photo), data=QUICK)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:limner:problem:server-unreachable")


def test_gateways_come_and_go_without_a_restart(before_both: Nginx, pair: Pair, names: NameServer) -> None:
    names.addresses = ADDRESSES[1:]
    pair.gateways["127.0.0.1"].kill()
    until(lambda: tried(before_both) == 1)
    names.addresses = ADDRESSES
    pair.start("127.0.0.1").wait()
    before = pair.asked("127.0.0.1")
    until(lambda: before_both.client.get("/v1/models").is_success and pair.asked("127.0.0.1") > before)


def tried(nginx: Nginx) -> int:
    """How many gateways any of ten calls took at most; more than there are where one was not answered."""
    for _ in range(10):
        if nginx.client.get("/v1/models").status_code != 200:
            return len(ADDRESSES) + 1
    return max(str(line["limner.gateway.status"]).count(",") + 1 for line in nginx.lines()[-10:])


def test_what_was_sent_is_not_sent_again(before_both: Nginx, pair: Pair) -> None:
    """A gateway that dies with a photo: the other one does not get it, too."""
    with ThreadPoolExecutor(1) as threads:
        upload = partial(before_both.client.post, "/v1/enhance", files=form(noise(500)), data=SLOW)
        waiting = threads.submit(upload)

        def is_at_work() -> bool:
            nonlocal waiting
            if waiting.done():  # refused: on a busy machine a gateway may not be ready yet
                waiting = threads.submit(upload)
            return any(active(gateway) for gateway in pair.gateways.values())

        until(is_at_work)
        (at_work,) = [gateway for gateway in pair.gateways.values() if active(gateway)]
        (other,) = [gateway for gateway in pair.gateways.values() if gateway is not at_work]
        at_work.kill()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:limner:problem:server-unreachable")
    assert before_both.client.get("/v1/models").status_code == 200
    assert "POST /v1/enhance" not in other.log.read_text()


def test_it_is_ready_as_long_as_one_gateway_is(pair: Pair, names: NameServer, start_nginx: StartNginx) -> None:
    one, other = (pair.start(address, LIMNER_SHUTDOWN_TIMEOUT="60") for address in ADDRESSES)
    nginx = start_nginx(f"gateway.test:{pair.port}", names.address)
    for gateway in (one.wait(), other.wait()):
        until(partial(says_ready, gateway, 200))
    tasks = {gateway: gateway.submit(noise(500), SLOW) for gateway in (one, other)}
    for gateway, expected in ((one, 200), (other, 503)):
        os.kill(gateway.pid, signal.SIGTERM)
        until(partial(says_ready, gateway, 503))
        for _ in range(10):
            ready = nginx.client.get("/readyz")
            assert ready.status_code == expected
            assert nginx.client.get(f"/v1/photos/{tasks[gateway]}").status_code == 200, "who drains still answers"
    assert ready.json()["type"] == "urn:limner:problem:shutting-down", "the gateway's own word"
    for task_id in tasks.values():
        assert nginx.client.delete(f"/v1/photos/{task_id}").status_code == 200


def says_ready(gateway: Replica, status: int) -> bool:
    return gateway.client.get("/readyz").status_code == status


def active(gateway: Replica) -> bool:
    return "\nactive_tasks 1.0\n" in gateway.client.get("/metrics").text
