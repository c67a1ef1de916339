"""The real gateway and Triton under photos that come by chance: what the simulation is checked against.

Photos alone, one after the other; then an open loop at a load that the cores can bear; then one that they cannot, with
refusals. Each photo is a ``POST /v1/enhance``, timed by the client from its first byte to the last of its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from perf.concurrency.tasks import Form
from perf.forms import multipart
from perf.keep_alive import Broken, Connection
from perf.latency import percentile
from perf.photos import portrait
from perf.simulation.arrivals import poisson
from perf.simulation.service import NOTHING, Demand, Kind
from perf.watch import Watch, machine_core_seconds

PATH = "/v1/enhance"
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Photo:
    """A kind of photo that is sent, doubled, without faces being restored."""

    width: int
    height: int
    background: str

    @property
    def name(self) -> str:
        return f"{self.width}×{self.height}, ×2, {self.background}"

    def form(self) -> Form:
        options = {"background": self.background, "restorer": "none"}
        return multipart(portrait(self.width, self.height), options)


PHOTOS = (Photo(96, 120, "realesrgan"), Photo(320, 256, "lanczos"))
"""As many of each. The first is one tile of the network, the second has none."""


@dataclass(frozen=True)
class Load:
    """``share`` of the core-seconds that the machine has, for ``seconds``."""

    name: str
    share: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """``alone`` photos of each kind one after the other, and then ``loads``."""

    alone: int
    loads: tuple[Load, ...]
    seed: int = 1


LONG = Plan(25, (Load("steady", 0.65, 180), Load("overload", 1.5, 60)))
SHORT = Plan(2, (Load("steady", 0.5, 3), Load("overload", 3.0, 2)))
"""Shows that everything works; its figures say nothing."""

Result = dict[str, Any]


def measure(plan: Plan, url: str, cores: int, *pids: int) -> Result:
    """Of the gateway at ``url``, whose processes and Triton's are ``pids``, on ``cores`` cores."""
    watch = Watch(*pids)
    forms = [photo.form() for photo in PHOTOS]
    asyncio.run(_together(url, forms))
    alone = [_alone(url, watch, photo, form, plan.alone) for photo, form in zip(PHOTOS, forms, strict=True)]
    mean = statistics.fmean(kind["core_seconds"] for kind in alone)
    loads = []
    for number, load in enumerate(plan.loads):
        rate = load.share * cores / mean
        loads.append(_open_loop(url, watch, forms, load, rate, plan.seed + number))
        sys.stderr.write(f"{load.name}: {len(loads[-1]['photos'])} photos at {rate:.3g} a second\n")
    return {"cores": cores, "kinds": alone, "loads": loads}


async def _together(url: str, forms: Sequence[Form]) -> None:
    """Warm up: a few photos of each kind at once, so that all instances and threads have worked."""
    await asyncio.gather(*(_send(url, form) for form in forms for _ in range(3)))


def _alone(url: str, watch: Watch, photo: Photo, form: Form, count: int) -> Result:
    body, content_type = form
    seconds: list[float] = []
    stages: list[Mapping[str, float]] = []
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client:
        busy = watch.core_seconds()
        for _ in range(count):
            started = time.perf_counter()
            answer = client.post(PATH, content=body, headers={"Content-Type": content_type})
            seconds.append(time.perf_counter() - started)
            answer.raise_for_status()
            stages.append(json.loads(answer.headers["Limner-Report"])["milliseconds"])
        spent = watch.core_seconds() - busy
    return {
        "name": photo.name,
        "tiles": int(photo.background != "lanczos"),
        "seconds": [round(value, 4) for value in seconds],
        "core_seconds": round(max(spent / count, 0.01), 4),
        "stages_ms": {name: round(statistics.median(each[name] for each in stages), 1) for name in stages[0]},
    }


def _open_loop(url: str, watch: Watch, forms: Sequence[Form], load: Load, rate: float, seed: int) -> Result:
    mix = [Kind(1, Demand(str(number), NOTHING, NOTHING)) for number in range(len(forms))]
    planned = [(arrival.time, int(arrival.demand.kind)) for arrival in poisson(mix, rate, load.seconds, seed)]
    begun, ours, machine, own = time.monotonic(), watch.core_seconds(), machine_core_seconds(), _own_core_seconds()
    sent = asyncio.run(_send_all(url, forms, planned))
    wall = time.monotonic() - begun
    ours, own = watch.core_seconds() - ours, _own_core_seconds() - own
    others = machine_core_seconds() - machine - ours - own
    return {
        "name": load.name,
        "share": load.share,
        "seconds": load.seconds,
        "per_second": round(rate, 4),
        "seed": seed,
        "cores_busy": round(ours / wall, 2),
        "cores_of_client": round(own / wall, 2),
        "cores_of_others": round(max(0.0, others / wall), 2),
        "late_ms_p95": round(1000 * percentile(sorted(late for *_, late in sent), 0.95), 1) if sent else 0.0,
        # seconds from the start, number of the kind, status of the answer (0: none), seconds it took
        "photos": [
            [round(moment, 4), kind, status, round(seconds, 4)]
            for (moment, kind), (status, seconds, _) in zip(planned, sent, strict=True)
        ],
    }


async def _send_all(
    url: str, forms: Sequence[Form], planned: Sequence[tuple[float, int]]
) -> list[tuple[int, float, float]]:
    """Each photo in its moment: status, seconds, and by how many seconds the client was late."""
    begun = time.perf_counter()

    async def one(moment: float, kind: int) -> tuple[int, float, float]:
        await asyncio.sleep(max(0.0, begun + moment - time.perf_counter()))
        late = time.perf_counter() - begun - moment
        return *(await _send(url, forms[kind])), late

    return list(await asyncio.gather(*(one(moment, kind) for moment, kind in planned)))


async def _send(url: str, form: Form) -> tuple[int, float]:
    started = time.perf_counter()
    with contextlib.closing(Connection(url)) as connection:
        try:
            answer = await connection.ask("POST", PATH, *form)
        except Broken:
            return 0, time.perf_counter() - started
    return answer.status, time.perf_counter() - started


def _own_core_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)
