"""How many replicas a number of photos takes at its busiest, such that they are back in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perf.simulation.arrivals import peak_rate, photos
from perf.simulation.gateway import Places
from perf.simulation.model import Setup, simulate
from perf.simulation.outcomes import Summary, over_runs, summary
from perf.simulation.replica import Server
from perf.simulation.service import Mix

GOAL_SECONDS = 3.0
"""For 95 of 100 photos, from arrival to result."""

MOST_REFUSED = 0.001
LEAST_PLACES = 10
PLACES_A_REPLICA = 2
"""At all gateways together: one photo is computed, the next is decoded or waits for it."""

_TRIAL, _PROOF, _PROOF_A_REPLICA = 1500, 3000, 150
"""Photos of a run, for a proof at least so many a replica; the first tenth finds the fleet empty and does not count."""

_SEEDS = (1, 2, 3)
_MOST_LOAD = 0.98
_MOST_TIMES = 6
"""What the load alone takes; where more were needed, larger servers are the answer."""

_MOST_SMALL = 20
_STEP = 0.03
"""Of the replicas found by a trial, how many more are tried where several seeds do not bear it out."""


@dataclass(frozen=True)
class Fleet:
    """Equal servers behind ``gateways`` gateways."""

    server: Server
    mix: Mix
    gateways: int

    def setup(self, replicas: int) -> Setup:
        """With ``LIMNER_MAX_TASKS`` such that there are ``PLACES_A_REPLICA`` places, and never below the default."""
        at_work = max(LEAST_PLACES, math.ceil(PLACES_A_REPLICA * replicas / self.gateways))
        return Setup(self.server, replicas, self.gateways, Places(at_work=at_work))

    def run(self, replicas: int, rate: float, count: int, seed: int) -> Summary:
        """``count`` photos at an even rate."""
        outcomes = simulate(self.setup(replicas), photos(self.mix, rate, count, seed), seed)
        return summary(outcomes[count // 10 :])

    def alone(self, seed: int = 0) -> Summary:
        """Photos that never meet."""
        return self.run(1, 1e-3, _TRIAL // 4, seed)

    def least(self, rate: float) -> int:
        """Replicas below which the work cannot be done, whatever the wait."""
        loads = []
        for kind in self.mix:
            demand = kind.demand
            host = demand.before.seconds + demand.after.seconds
            networks = demand.core_seconds - host
            on_cpu = host if self.server.gpu else host + networks
            loads.append((kind.share, on_cpu / self.server.cores, networks if self.server.gpu else 0.0))
        total = sum(share for share, *_ in loads)
        busiest = max(sum(load[0] * load[part] for load in loads) / total for part in (1, 2))
        return max(1, math.ceil(rate * busiest / _MOST_LOAD))


def is_met(run: Summary) -> bool:
    """Whether photos were back in time, and hardly any was refused."""
    return run.p95 <= GOAL_SECONDS and run.failed == 0 and run.refused <= MOST_REFUSED * run.photos


def fewest(passes: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from ``least`` on that passes, where whatever is above one that passes does, too.

    None where not even ``most`` does.
    """
    failed, tried = least - 1, least
    while not passes(tried):
        if tried >= most:
            return None
        failed, tried = tried, min(most, max(tried + 1, math.ceil(tried * 1.3)))
    while tried - failed > 1:
        middle = (tried + failed) // 2
        failed, tried = (failed, middle) if passes(middle) else (middle, tried)
    return tried


def size(fleet: Fleet, photos_a_day: float, least: int = 1) -> dict[str, Any]:
    """Replicas for a day's photos in its busiest hour, proved with several seeds.

    ``replicas`` is None where none is enough, within reason; ``least`` is what a smaller number of photos took.
    """
    rate = peak_rate(photos_a_day)
    by_load = fleet.least(rate)
    result = {"photos_a_day": photos_a_day, "replicas": None, "by_load": by_load}
    alone = fleet.alone().p95
    if alone > GOAL_SECONDS:
        return result | {"alone_p95": alone}
    most = max(_MOST_SMALL, _MOST_TIMES * by_load)
    found = fewest(lambda count: is_met(fleet.run(count, rate, _TRIAL, _SEEDS[0])), max(least, by_load), most)
    if found is None:
        return result | {"most": most}
    for replicas in itertools.count(found, max(1, round(found * _STEP))):
        runs, count = [], max(_PROOF, _PROOF_A_REPLICA * replicas)
        for seed in _SEEDS:
            runs.append(fleet.run(replicas, rate, count, seed))
            if not is_met(runs[-1]):
                break
        else:
            return result | {"replicas": replicas, **over_runs(runs)}
        if replicas > most:
            break
    return result | {"most": most}
