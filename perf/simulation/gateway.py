"""Gateways: places, the wait for a turn, refusals, and the choice of a Triton."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

import simpy

from perf.simulation.replica import Replica
from perf.simulation.service import Demand

Status = Literal["done", "refused", "failed"]


@dataclass
class Outcome:
    """What became of a photo; times are in seconds of the simulation's clock.

    Attributes:
        status: ``refused`` is a 503, ``failed`` a photo that was taken and lost.
        began: when its turn came; None for one that never had it.
        attempts: replicas that it was given to.
    """

    kind: str
    arrived: float
    status: Status = "failed"
    began: float | None = None
    ended: float = 0.0
    attempts: int = 0

    @property
    def seconds(self) -> float:
        return self.ended - self.arrived


@dataclass(frozen=True)
class Places:
    """Of one gateway.

    Attributes:
        at_work: ``LIMNER_MAX_TASKS``.
        waiting: ``LIMNER_MAX_QUEUE``.
        tries: replicas that a photo is given to, where they die at work on it.
    """

    at_work: int = 10
    waiting: int = 20
    tries: int = 2


class Gateway:
    """Gives photos to the replica that has the fewest of *this* gateway's, in turn among equals.

    It does not know what other gateways have at work. ``seed``: the order in which replicas have their first turn.
    """

    def __init__(self, env: simpy.Environment, replicas: list[Replica], places: Places, seed: int = 0) -> None:
        self._env, self._replicas, self._places = env, replicas, places
        self._turns = simpy.Resource(env, places.at_work)
        self._mine: dict[Replica, int] = {}
        self._turns_had = 0
        self._turn_of: dict[Replica, float] = {}
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._inside: set[simpy.Process] = set()
        self.alive = True

    @property
    def inside(self) -> int:
        """Photos that wait or are at work."""
        return len(self._inside)

    def take(self, demand: Demand) -> tuple[Outcome, simpy.Process | None]:
        """A photo comes; its outcome is filled in as it goes. Without a process it was refused."""
        outcome = Outcome(demand.kind, self._env.now, ended=self._env.now)
        if self.inside >= self._places.at_work + self._places.waiting:
            outcome.status = "refused"
            return outcome, None
        process = self._env.process(self._carry_out(demand, outcome))
        self._inside.add(process)
        return outcome, process

    def die(self) -> None:
        """With all photos inside."""
        self.alive = False
        for process in list(self._inside):
            process.interrupt()

    def _carry_out(self, demand: Demand, outcome: Outcome) -> Generator[simpy.Event, Any, None]:
        process = self._env.active_process
        try:
            with self._turns.request() as turn:
                yield turn
                outcome.began = self._env.now
                while outcome.attempts < self._places.tries and self._replicas:
                    outcome.attempts += 1
                    if (yield from self._attempt(self._choose(), demand)):
                        outcome.status = "done"
                        break
        except simpy.Interrupt:
            outcome.status = "failed"
        finally:
            outcome.ended = self._env.now
            if process is not None:
                self._inside.discard(process)

    def _attempt(self, replica: Replica, demand: Demand) -> Generator[simpy.Event, Any, bool]:
        self._mine[replica] = self._mine.get(replica, 0) + 1
        ended = replica.work(demand)
        try:
            return bool((yield ended))
        except simpy.Interrupt:
            replica.give_up(ended)
            raise
        finally:
            self._mine[replica] -= 1
            if not self._mine[replica]:
                del self._mine[replica]

    def _choose(self) -> Replica:
        for replica in self._replicas:
            if replica not in self._turn_of:
                self._turn_of[replica] = self._chance.random() - 1  # before all that have had a turn
        chosen = min(self._replicas, key=lambda replica: (self._mine.get(replica, 0), self._turn_of[replica]))
        self._turns_had += 1
        self._turn_of[chosen] = self._turns_had
        return chosen
