"""Gateways and Tritons replaced one after the other while clients go on sending photos."""

from __future__ import annotations

import contextlib
import itertools
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import tritonclient.grpc as triton

from limner.catalog import CATALOG_FILE, Catalog
from serving.process import free_port
from tests.debian_programs import require_program
from tests.deploy.name_server import NameServer
from tests.deploy.nginx_server import Nginx
from tests.gateway.replica import Replica
from tests.reliability.load import Tally, as_task, at_once, kept_up, told_by_events
from tests.reliability.outcome import Alone
from tests.reliability.photos import CASES, Case
from tests.reliability.tritons import Triton

ADDRESSES = ("127.0.0.1", "127.0.0.2")
PATIENCE_SECONDS = 60.0
EACH = 3
"""Photos that every gateway has taken before it is replaced."""

SENT = [case for case in CASES if case.kind in {"webp", "gray", "alpha"}][:4]


def gateways_replaced(triton_url: str, redis_url: str, folder: Path, alone: Alone) -> Tally:
    """Two that share a Redis, behind the real nginx with the configuration of ``deploy/nginx``.

    Each gets SIGTERM, and another one its place once it has ended; only then comes the next.
    """
    port, tally = free_port(), Tally()
    for case in SENT:
        alone.of(case)
    with contextlib.ExitStack() as ending:

        def start(address: str) -> Replica:
            gateway = Replica(
                triton_url,
                folder / f"{time.monotonic_ns()}.log",
                LIMNER_REDIS_URL=redis_url,
                LIMNER_HOST=address,
                LIMNER_PORT=str(port),
                LIMNER_TRUSTED_PROXIES="127.0.0.1",
                LIMNER_SHUTDOWN_TIMEOUT="60",
                LIMNER_CANARY_INTERVAL="1",
            )
            ending.callback(gateway.stop)
            gateway.client.base_url = httpx.URL(f"http://{address}:{port}")
            gateway.wait()
            _until(lambda: gateway.client.get("/readyz").status_code == 200)
            return gateway

        gateways = {address: start(address) for address in ADDRESSES}
        nginx = ending.enter_context(_nginx(f"gateway.test:{port}"))
        senders = [*zip(itertools.cycle([as_task, told_by_events]), SENT, strict=False)]
        with kept_up(nginx.new_client, senders, alone, tally):
            for address, old in gateways.items():
                _until(partial(_has_taken, old))
                code = old.stop()
                assert code == 0, old.log.read_text()
                new = start(address)
                _until(partial(_has_taken, new))
                tally.replaced += 1
    return tally


def tritons_replaced(folder: Path) -> Tally:
    """Two without networks, which start in seconds, behind one gateway; stopped while they have photos at work."""
    (folder / "models").mkdir()
    (folder / "models" / CATALOG_FILE).write_text(Catalog().to_json())
    settings, tally = {"LIMNER_DATA": str(folder), "LIMNER_SHUTDOWN_TIMEOUT": "1"}, Tally()
    options = (("background", "lanczos"), ("restorer", "none"))
    cases = [Case("png", seed, 240, 160, options) for seed in range(30, 32)]
    with contextlib.ExitStack() as ending:
        servers = [ending.enter_context(starting) for starting in [Triton(settings), Triton(settings)]]
        urls = ",".join(server.url for server in servers)
        gateway = Replica(urls, folder / "gateway.log", LIMNER_CANARY_INTERVAL="1")
        ending.callback(gateway.stop)
        gateway.wait()
        with triton.InferenceServerClient(servers[0].url) as client:
            alone = Alone(client)
            for case in cases:
                alone.of(case)
        new_client = partial(httpx.Client, base_url=gateway.client.base_url, timeout=PATIENCE_SECONDS)
        with kept_up(new_client, [(at_once, case) for case in cases], alone, tally):
            for server in servers:
                _until(partial(_has_enhanced, server, EACH))
                code = server.stop()
                assert code == 0, server.output
                server.start()
                server.wait()
                # Canaries are among them, one a second at most.
                _until(partial(_has_enhanced, server, 5 * EACH))
                tally.replaced += 1
    return tally


@contextlib.contextmanager
def _nginx(gateway: str) -> Iterator[Nginx]:
    program = require_program("nginx", "nginx")
    # Folders of a test are closed to other users, whom nginx is run by.
    with tempfile.TemporaryDirectory(prefix="limner-nginx-") as folder, NameServer(*ADDRESSES) as names:
        Path(folder).chmod(0o755)
        own = Path(folder) / "nginx"
        own.mkdir()
        running = Nginx(program, own, gateway, names.address)
        try:
            yield running
        finally:
            running.stop()


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _has_taken(gateway: Replica) -> bool:
    return len(re.findall("POST /v1/photos 202", gateway.log.read_text())) >= EACH


def _has_enhanced(server: Triton, photos: int) -> bool:
    text = httpx.get(f"http://127.0.0.1:{server.metrics}/metrics").text
    counts = re.findall(r'nv_inference_request_success\{model="face_enhance",version="1"\} (\S+)', text)
    return sum(map(float, counts)) >= photos
