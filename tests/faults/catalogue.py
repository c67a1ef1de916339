"""The faults, as data: what is done, how it ends, and what may become of tasks that are at work meanwhile."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest
import redis
from PIL import Image

from tests.faults.load import TASKS
from tests.faults.site import Site

OUTAGE = "inference-unavailable"
FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Fault:
    """``inject`` breaks something; what it gives back mends it, where no other part does.

    ``endings`` are the failures that tasks may have, beside a right result, and ``most`` how many may. ``unready``: it
    lasts long enough for a gateway to say that it is not ready.
    """

    name: str
    inject: Callable[[Site], Callable[[], None]]
    endings: frozenset[str] = frozenset()
    most: int = 0
    unready: bool = False


def _nothing() -> None:
    """Others mend it."""


def _kill_stub(model: str) -> Callable[[Site], Callable[[], None]]:
    def inject(site: Site) -> Callable[[], None]:
        site.stub(model).kill()
        return _nothing

    return inject


def _kill_triton(site: Site) -> Callable[[], None]:
    assert site.triton.process is not None
    os.kill(site.triton.process.pid, signal.SIGKILL)
    return _nothing


def _stop_triton(site: Site) -> Callable[[], None]:
    """All of it, for 20 seconds: as a machine that swaps, or a virtual machine that is moved."""
    assert site.triton.process is not None
    server = psutil.Process(site.triton.process.pid)
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    time.sleep(20)

    def resume() -> None:
        for process in stopped:
            if process.is_running():
                process.resume()

    return resume


def _kill_gateway(site: Site) -> Callable[[], None]:
    site.gateways[1].kill()
    return lambda: site.replace_gateway(1)


def _restart_redis(site: Site) -> Callable[[], None]:
    """It comes back empty."""
    site.redis.stop()
    time.sleep(2)
    site.redis.start()
    return _nothing


def _pause_redis(site: Site) -> Callable[[], None]:
    site.redis.pause()
    time.sleep(8)
    site.redis.resume()
    return _nothing


def _slow_redis(site: Site) -> Callable[[], None]:
    """Each write waits for three seconds, three times in a row."""
    with redis.Redis.from_url(site.redis.url) as client:
        for _ in range(3):
            client.execute_command("CLIENT", "PAUSE", "3000", "ALL")
            time.sleep(3.2)
    return _nothing


def _fill_redis(site: Site) -> Callable[[], None]:
    """Not a byte more than it holds."""
    with redis.Redis.from_url(site.redis.url) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", "1mb")
        with pytest.raises(redis.OutOfMemoryError):
            client.set("filler", bytes(100))

    def mend() -> None:
        with redis.Redis.from_url(site.redis.url) as client:
            client.config_set("maxmemory", before)

    time.sleep(5)
    return mend


def _refused_large_photo(site: Site) -> str:
    """What is said to a photo that needs more than those before. It is nobody's fault, and may pass."""
    encoded = io.BytesIO()
    Image.effect_noise((3000, 2000), 60).convert("RGB").save(encoded, "JPEG")
    options = {"background": "lanczos", "restorer": "none"}
    files = {"file": ("a.jpg", encoded.getvalue())}
    answer = site.gateways[0].client.post("/v1/enhance", files=files, data=options, timeout=120)
    assert answer.status_code == 503, answer.text
    return str(answer.json()["detail"])


def _starve_stub(site: Site) -> Callable[[], None]:
    """No more memory for the process that enlarges, as under pressure: it fails, or dies of it."""
    stub = site.stub("upscale_background")
    before = stub.rlimit(psutil.RLIMIT_AS)
    stub.rlimit(psutil.RLIMIT_AS, (stub.memory_info().vms, resource.RLIM_INFINITY))
    _refused_large_photo(site)
    time.sleep(3)

    def mend() -> None:
        if stub.is_running():
            stub.rlimit(psutil.RLIMIT_AS, before)

    return mend


def _jump(name: str, hours: int) -> Callable[[Site], Callable[[], None]]:
    """And back, which is the other jump."""

    def inject(site: Site) -> Callable[[], None]:
        site.clocks[name].jump(hours * 3600)
        return lambda: site.clocks[name].jump(0)

    return inject


def _fill_disks(site: Site) -> Callable[[], None]:
    assert site.disks
    fillers = [disk / "filler" for disk in site.disks]
    for filler in fillers:
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while stream.write(bytes(1 << 20)):
                pass
    assert "no shared memory left" in _refused_large_photo(site)
    time.sleep(10)

    def mend() -> None:
        for filler in fillers:
            filler.unlink()

    return mend


_DEAD_TRITON = frozenset({OUTAGE, "inference-failed"})
_BUSY_STATE = frozenset({"state-unavailable"})

_FEW = 4
"""What a dying process had in its hands may fail; all the rest is sent again."""

FAULTS = (
    Fault("Python process of a step killed", _kill_stub("upscale_background"), _DEAD_TRITON, _FEW),
    Fault("Python process of a network killed", _kill_stub("realesrgan_x4"), _DEAD_TRITON, _FEW),
    Fault("Triton killed", _kill_triton, _DEAD_TRITON, _FEW),
    Fault("Triton stopped for 20 s", _stop_triton, _DEAD_TRITON | {"inference-timeout"}, _FEW, unready=True),
    Fault("a gateway of two killed", _kill_gateway, frozenset({OUTAGE}), TASKS // 2),
    Fault("Redis killed, back empty", _restart_redis, _BUSY_STATE | {FORGOTTEN}, TASKS),
    Fault("Redis stopped for 8 s", _pause_redis, _BUSY_STATE | {OUTAGE, FORGOTTEN}, TASKS),
    Fault("Redis slow", _slow_redis, _BUSY_STATE | {OUTAGE, FORGOTTEN}, TASKS),
    Fault("Redis full", _fill_redis, _BUSY_STATE | {FORGOTTEN}, TASKS),
    Fault("a step without memory", _starve_stub, _DEAD_TRITON, _FEW),
    Fault("the gateways' clock set an hour on, and back", _jump("gateways", 1)),
    Fault("the gateways' clock set an hour back, and on", _jump("gateways", -1)),
    Fault("Redis' clock set an hour on, and back", _jump("redis", 1), frozenset({FORGOTTEN}), TASKS),
)

DISKS_FULL = Fault("disks and shared memory full", _fill_disks, _DEAD_TRITON | _BUSY_STATE, TASKS)
"""Those of a machine of its own: see :mod:`tests.faults.full_disks`."""
