"""When photos come, and which: Poisson, by the hour of the day, and in bursts. All seeded. Rates are per second."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perf.simulation.service import Demand, Mix

DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3600.0

DAILY_CURVE = (
    *(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3),
    *(1.0, 2.0, 3.0, 2.6, 1.6, 1.4, 2.2, 2.4),
    *(2.0, 1.4, 1.0, 0.8, 0.8, 0.5, 0.2, 0.1),
)
"""Photos of each hour, from midnight on, in means of the day: an office that opens at eight. An assumption."""

PEAK = max(DAILY_CURVE)


@dataclass(frozen=True)
class Arrival:
    """A photo that comes at ``time``, in seconds."""

    time: float
    demand: Demand


def draw(mix: Mix, chance: random.Random) -> Demand:
    """A photo of ``mix``: its kind by the shares, slower or faster by one of the factors that were measured."""
    (kind,) = chance.choices(mix, [kind.share for kind in mix])
    return kind.demand.times(chance.choice(kind.spread))


def poisson(mix: Mix, rate: float, seconds: float, seed: int) -> Iterator[Arrival]:
    """At an even rate."""
    return by_rate(mix, lambda _: rate, rate, seconds, seed)


def by_rate(mix: Mix, rate: Callable[[float], float], highest: float, seconds: float, seed: int) -> Iterator[Arrival]:
    """At a rate that changes with time, and is never above ``highest``."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    now = 0.0
    while (now := now + chance.expovariate(highest)) < seconds:
        if chance.random() * highest < rate(now):
            yield Arrival(now, draw(mix, chance))


def photos(mix: Mix, rate: float, count: int, seed: int) -> Iterator[Arrival]:
    """``count`` photos at an even rate."""
    return itertools.islice(poisson(mix, rate, float("inf"), seed), count)


def peak_rate(photos_a_day: float) -> float:
    """Of the busiest hour."""
    return photos_a_day / DAY_SECONDS * PEAK


def daily_rate(photos_a_day: float) -> Callable[[float], float]:
    """By the hour of the day."""
    mean = photos_a_day / DAY_SECONDS
    return lambda time: mean * DAILY_CURVE[int(time // HOUR_SECONDS) % len(DAILY_CURVE)]


def burst_rate(usual: float, times: float, begin: float, end: float) -> Callable[[float], float]:
    """``times`` the ``usual`` rate from ``begin`` to ``end``."""
    return lambda time: usual * times if begin <= time < end else usual
