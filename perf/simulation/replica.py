"""A Triton server at work on photos."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import simpy

from perf.simulation.cores import Cores, Done
from perf.simulation.service import Demand, Work
from perf.simulation.stations import Station

Discipline = Literal["in turn", "shared", "photo by photo"]
"""``in turn``: each network answers one call (or batch) after the other, and networks at work share the cores.
``shared``: all calls share the cores from their first moment. ``photo by photo``: no photo begins before the last ends.
"""

TILES_IN_FLIGHT, FACES_IN_FLIGHT = 2, 8
"""Calls of one photo at a time, as the steps are configured."""

NETWORKS = ("restorer", "parser", "background")


@dataclass(frozen=True)
class Server:
    """What a replica has.

    Attributes:
        cores: of its CPU.
        gpu: whether the networks have one to themselves; their work is then in seconds of it.
        discipline: see there.
        batches: the most calls of each network at a time, in the order of ``NETWORKS``; one on a GPU, where nobody has
            measured what batches bring.
    """

    cores: int
    gpu: bool = False
    discipline: Discipline = "in turn"
    batches: tuple[int, int, int] = (8, 8, 2)


class Replica:
    """A running ``server``."""

    def __init__(self, env: simpy.Environment, server: Server) -> None:
        self._env, self.server = env, server
        self.cores = Cores(env, server.cores)
        networks = Cores(env, 1.0) if server.gpu else self.cores
        batches = (1, 1, 1) if server.gpu else server.batches
        self.networks = networks
        self._stations = [Station(env, networks, batch) for batch in batches]
        self._attempts: dict[_Attempt, None] = {}
        self._line: deque[_Attempt] = deque()
        self.alive = True

    @property
    def at_work(self) -> int:
        """Photos."""
        return len(self._attempts)

    @property
    def queue_seconds(self) -> float:
        """Time that calls have waited for their network, added up over networks and calls."""
        return sum(station.queue_seconds for station in self._stations)

    def work(self, demand: Demand) -> simpy.Event:
        """An event that tells whether the photo was finished: False where the replica died."""
        attempt = _Attempt(self, demand, self._env.event())
        self._attempts[attempt] = None
        if not self.alive:
            return attempt.ended  # nobody is there, and nobody says so
        if self.server.discipline == "photo by photo":
            self._line.append(attempt)
            if len(self._line) == 1:
                attempt.begin()
        else:
            attempt.begin()
        return attempt.ended

    def give_up(self, ended: simpy.Event) -> None:
        """Nobody waits for this photo any more: calls that it has made are still answered, no more are made."""
        for attempt in [attempt for attempt in self._attempts if attempt.ended is ended]:
            attempt.wanted = False

    def die(self) -> None:
        """Stop working, at once. Gateways hear of it by :meth:`be_missed`."""
        self.alive = False
        for pool in (self.cores, self.networks):
            pool.stop()
        for station in self._stations:
            station.stop()
        self._line.clear()

    def be_missed(self) -> None:
        """Gateways notice that it is gone: its photos are lost here."""
        lost, self._attempts = list(self._attempts), {}
        for attempt in lost:
            attempt.ended.succeed(False)

    def ask(self, network: int, work: Work, kind: str, done: Done) -> None:
        """A call of a network by its place in ``NETWORKS``."""
        if self.server.discipline == "shared":
            self.networks.start(work.seconds, work.width, done)
        else:
            self._stations[network].ask(work, kind, done)

    def finish(self, attempt: _Attempt) -> None:
        """``attempt`` has done all, or is not wanted any more."""
        del self._attempts[attempt]
        if self._line:
            self._line.popleft()
            if self._line:
                self._line[0].begin()
        attempt.ended.succeed(True)


class _Attempt:
    """A photo's way through a replica: before, faces and tiles side by side, after."""

    __slots__ = ("_demand", "_faces", "_left", "_replica", "_tiles", "ended", "wanted")

    def __init__(self, replica: Replica, demand: Demand, ended: simpy.Event) -> None:
        self._replica, self._demand, self.ended = replica, demand, ended
        self._faces, self._tiles = demand.faces, demand.tiles
        self._left = demand.faces + demand.tiles
        self.wanted = True

    def begin(self) -> None:
        self._on_cpu(self._demand.before, self._call_networks)

    def _on_cpu(self, work: Work, then: Callable[[], None]) -> None:
        if work.seconds > 0:
            self._replica.cores.start(work.seconds, work.width, then)
        else:
            then()

    def _call_networks(self) -> None:
        if not self.wanted or not self._left:
            self._end_networks()
            return
        for _ in range(min(FACES_IN_FLIGHT, self._faces)):
            self._next_face()
        for _ in range(min(TILES_IN_FLIGHT, self._tiles)):
            self._next_tile()

    def _next_face(self) -> None:
        if self._faces:
            self._faces -= 1
            self._replica.ask(0, self._demand.restorer, "face", self._parse)

    def _parse(self) -> None:
        if self._demand.parser.seconds > 0 and self.wanted:
            self._replica.ask(1, self._demand.parser, "face", self._end_face)
        else:
            self._end_face()

    def _end_face(self) -> None:
        self._next_face()
        self._end_call()

    def _next_tile(self) -> None:
        if self._tiles:
            self._tiles -= 1
            self._replica.ask(2, self._demand.tile, self._demand.kind, self._end_tile)

    def _end_tile(self) -> None:
        self._next_tile()
        self._end_call()

    def _end_call(self) -> None:
        self._left -= 1
        if not self.wanted:
            self._left -= self._faces + self._tiles
            self._faces = self._tiles = 0
        if not self._left:
            self._end_networks()

    def _end_networks(self) -> None:
        if self.wanted:
            self._on_cpu(self._demand.after, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        self._replica.finish(self)
