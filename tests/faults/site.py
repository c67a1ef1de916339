"""What is broken on purpose: two gateways behind one Redis, and the embedded Triton with its supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil

from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.faults.clock import Clock
from tests.gateway.redis_server import RedisServer, require_redis
from tests.gateway.replica import Replica

CANARY_SECONDS = 1.0
PATIENCE_SECONDS = 180.0
"""A busy machine needs a while; who waits longer has met something that hangs."""


def until(true: Callable[[], bool], what: str) -> float:
    """Wait, and give the seconds that it took.

    Raises:
        AssertionError: naming ``what`` was waited for in vain.
    """
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < PATIENCE_SECONDS, f"waited in vain: {what}"
        time.sleep(0.05)
    return time.monotonic() - started


class Site:
    """Everything of one installation, each part reachable so that it can be broken."""

    def __init__(
        self, triton: Supervisor, redis: RedisServer, folder: Path, clocks: dict[str, Clock], disks: tuple[Path, ...]
    ) -> None:
        self.triton, self.redis, self.clocks, self.disks = triton, redis, clocks, disks
        self._folder = folder
        self.gateways = [self._start(0), self._start(1)]

    def _start(self, number: int) -> Replica:
        return Replica(
            self.triton.endpoint.url,
            self._folder / f"gateway-{number}-{time.monotonic_ns()}.log",
            LIMNER_REDIS_URL=self.redis.url,
            LIMNER_CANARY_INTERVAL=str(CANARY_SECONDS),
            **self.clocks["gateways"].environment,
        ).wait()

    def replace_gateway(self, number: int) -> None:
        """As Kubernetes or Compose would."""
        self.gateways[number].stop()
        self.gateways[number] = self._start(number)

    def stub(self, model: str) -> psutil.Process:
        """The Python process of a model."""
        process = self.triton.process
        assert process is not None
        (found,) = (
            stub for stub in map(psutil.Process, process.stub_pids()) if f"/{model}/" in " ".join(stub.cmdline())
        )
        return found

    def is_ready(self, number: int) -> bool:
        try:
            return self.gateways[number].client.get("/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        for gateway in self.gateways:
            with contextlib.suppress(ProcessLookupError):
                os.kill(gateway.pid, signal.SIGCONT)
            gateway.stop()


@contextlib.contextmanager
def running_site(folder: Path, disks: tuple[Path, ...] = ()) -> Iterator[Site]:
    """A site that works; all of it ends with the block.

    Files lie in ``folder``. ``disks`` are those places that may be filled to the last byte.
    """
    clocks = {}
    for name in ("gateways", "redis"):
        (folder / name).mkdir()
        clocks[name] = Clock(folder / name)
    redis = RedisServer(require_redis(), folder, environment=clocks["redis"].environment)
    try:
        settings = Settings(canary_interval=CANARY_SECONDS)
        with Supervisor(settings, Endpoint(free_port(), free_port())) as triton:
            site = Site(triton, redis, folder, clocks, disks)
            try:
                yield site
            finally:
                site.stop()
    finally:
        redis.stop()
        Clock.forget()
