"""KEDA on Triton's queue time, as it and Kubernetes' HorizontalPodAutoscaler decide. Times are in seconds.

What is looked at is ``sum(rate(nv_inference_queue_duration_us[1m])) / 1e6``: seconds of waiting a second, which is the
number of calls that wait in all Tritons, on average of the last minute. ``threshold`` of them are wanted a replica.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from perf.simulation.model import Simulation

_TOLERANCE = 0.1
"""The autoscaler leaves a number of replicas that is right by a tenth."""


@dataclass(frozen=True)
class Policy:
    """When replicas are added and withdrawn: by default as the chart has it.

    Attributes:
        least, most: replicas.
        threshold: waiting calls a replica.
        poll: between two looks.
        window: that the rate is taken over.
        up_step, up_factor, up_period: within so many seconds at most ``up_step`` more, or ``up_factor`` times as many,
            whichever is more.
        cooldown: the most that was wanted within so long counts, so that a lull withdraws nothing.
        down_period: between two replicas that are withdrawn.
        start: how long a new replica takes, from–to.
    """

    least: int
    most: int
    threshold: float = 2.0
    poll: float = 15.0
    window: float = 60.0
    up_step: int = 2
    up_factor: float = 2.0
    up_period: float = 60.0
    cooldown: float = 600.0
    down_period: float = 120.0
    start: tuple[float, float] = (60.0, 120.0)


def wanted(waiting: float, replicas: int, policy: Policy) -> int:
    """Replicas for so many calls that wait, before any limit but the least and the most.

    Args:
        waiting: in all replicas together.
        replicas: that there are now.
    """
    ratio = waiting / policy.threshold / replicas
    right = replicas if abs(ratio - 1) <= _TOLERANCE else math.ceil(waiting / policy.threshold)
    return min(policy.most, max(policy.least, right))


@dataclass
class Autoscaler:
    """Decides how many replicas there are to be, with a memory of what it decided."""

    policy: Policy
    replicas: int
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)
    _ups: deque[tuple[float, int]] = field(default_factory=deque)
    _down: float = -math.inf

    def decide(self, now: float, waiting: float) -> int:
        """The number from now on."""
        wish = wanted(waiting, self.replicas, self.policy)
        self._wishes.append((now, wish))
        while self._wishes[0][0] < now - self.policy.cooldown:
            self._wishes.popleft()
        while self._ups and self._ups[0][0] <= now - self.policy.up_period:
            self._ups.popleft()
        if wish > self.replicas:
            before = self.replicas - sum(step for _, step in self._ups)
            limit = max(before + self.policy.up_step, math.ceil(before * self.policy.up_factor))
            step = max(0, min(wish, limit) - self.replicas)
            self._ups.append((now, step))
            self.replicas += step
        elif max(wish for _, wish in self._wishes) < self.replicas and now - self._down >= self.policy.down_period:
            self.replicas -= 1
            self._down = now
        return self.replicas


class Scaled:
    """A simulation whose replicas the autoscaler adds and withdraws.

    Attributes:
        history: moments, and the replicas that are wanted (and paid for) and that get photos from then on.
    """

    def __init__(self, simulation: Simulation, policy: Policy, until: float, seed: int = 0) -> None:
        self._simulation, self._policy = simulation, policy
        self._autoscaler = Autoscaler(policy, len(simulation.replicas))
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._starting: list[simpy.Process] = []
        self.history: list[tuple[float, int, int]] = [(0.0, len(simulation.replicas), len(simulation.replicas))]
        self.waiting: list[tuple[float, float]] = []
        simulation.env.process(self._watch(until))

    def replica_hours(self, until: float) -> float:
        """Paid until then, those that were still starting among them."""
        ends = [moment for moment, *_ in self.history[1:]] + [until]
        spans = zip(self.history, ends, strict=True)
        return sum(count * max(0.0, min(end, until) - min(begin, until)) for (begin, count, _), end in spans) / 3600

    def _watch(self, until: float) -> Generator[simpy.Event, Any, None]:
        env, policy = self._simulation.env, self._policy
        seen: deque[tuple[float, float]] = deque([(env.now, 0.0)])
        while env.now < until:
            yield env.timeout(policy.poll)
            seen.append((env.now, self._simulation.queue_seconds()))
            while seen[0][0] < env.now - policy.window:
                seen.popleft()
            (begin, before), (end, after) = seen[0], seen[-1]
            waiting = (after - before) / (end - begin)
            self.waiting.append((env.now, waiting))
            self._adapt(self._autoscaler.decide(env.now, waiting))

    def _adapt(self, replicas: int) -> None:
        running = self._simulation.replicas
        self._starting = [process for process in self._starting if process.is_alive]
        for _ in range(replicas - len(running) - len(self._starting)):
            self._starting.append(self._simulation.env.process(self._start()))
        while len(running) + len(self._starting) > replicas:
            if self._starting:
                self._starting.pop().interrupt()
            else:
                self._simulation.withdraw(running[-1])
        self._note(replicas)

    def _start(self) -> Generator[simpy.Event, Any, None]:
        try:
            yield self._simulation.env.timeout(self._chance.uniform(*self._policy.start))
        except simpy.Interrupt:
            return
        self._simulation.add_replica()
        self._note(self._autoscaler.replicas)

    def _note(self, replicas: int) -> None:
        self.history.append((self._simulation.env.now, replicas, len(self._simulation.replicas)))
