"""A result of ``perf.cost`` with known prices."""

from __future__ import annotations

from typing import Any

import numpy as np

from perf.cost.model import CONSTANT
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO, QUANTITIES

PRICES = {CONSTANT: 0.2, PHOTO: 0.4, NETWORK: 120.0, OUTPUT: 0.1, FACES: 7.0}
STAGE_MS = {
    "decode": (PHOTO, 12.0),
    "detect": (PHOTO, 100.0),
    "restore": (FACES, 3000.0),
    "upscale": (NETWORK, 60_000.0),
    "encode": (FACES, 20.0),
    "measure": (FACES, 30.0),
}
MACHINE = {"cpu": "A CPU", "cores": 2, "instructions": [], "memory_gib": 8.0, "python": "3.11", "commit": "abc"}


def works(count: int = 40) -> list[dict[str, float]]:
    """Quantities of photos that tell all prices apart."""
    chance = np.random.default_rng(0)
    return [
        {PHOTO: photo, NETWORK: photo * bool(number % 2), OUTPUT: photo * 4 ** (number % 3), FACES: float(number % 5)}
        for number, photo in enumerate(chance.uniform(0.02, 4, count))
    ]


def cost(work: dict[str, float], prices: dict[str, float] = PRICES) -> float:
    return prices[CONSTANT] + sum(prices[name] * work[name] for name in QUANTITIES)


def row(name: str, work: dict[str, float]) -> dict[str, Any]:
    """A photo as it is measured, without noise."""
    seconds = {"median": cost(work), "min": cost(work), "max": cost(work)}
    return {
        "name": name,
        "photo": name,
        "work": work,
        "models": {},
        "rounds": 1,
        "core_seconds": seconds,
        "seconds": seconds,
        "peak_mib": 500 + 10 * work[OUTPUT] + 3 * work[FACES],
        "stages_ms": {stage: 1 + price * work[quantity] for stage, (quantity, price) in STAGE_MS.items()},
    }


def result() -> dict[str, Any]:
    """A whole one."""
    crowd = {
        "name": "4 users",
        "photo": "small",
        "work": works()[0],
        "users": 4,
        "sent": 8,
        "done": 8,
        "photos_per_hour": 500.0,
        "latency_seconds": {"median": 1.0, "max": 2.0},
        "peak_mib": 700.0,
    }
    return {
        "machine": MACHINE,
        "flops": {"realesrgan_x4": 587_426_955_264, "gfpgan": 10**12},
        "minutes": 1.0,
        "cores_of_triton": 1.5,
        "cores_of_all": 1.9,
        "random_weights": {"gfpgan": "INT8 did not pass."},
        "warm_mib": [500.0],
        "series": [row("faces", work) for work in works()],
        "crowds": [crowd],
        "typical": [row("group", {PHOTO: 12.0, NETWORK: 0.0, OUTPUT: 48.0, FACES: 20.0})],
        "skipped": [{"name": "faces", "photo": "too many"}],
    }
