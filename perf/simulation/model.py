"""The whole service: clients, gateways and a fleet of Triton replicas on one clock. Times are in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from perf.simulation.arrivals import Arrival
from perf.simulation.gateway import Gateway, Outcome, Places
from perf.simulation.replica import Replica, Server
from perf.simulation.service import Demand


@dataclass(frozen=True)
class Setup:
    """What is running at the start: equal replicas, and gateways that clients are spread over by chance."""

    server: Server
    replicas: int = 1
    gateways: int = 1
    places: Places = field(default_factory=Places)


class Simulation:
    """``setup`` at work. ``seed`` decides which gateway a photo comes to."""

    def __init__(self, setup: Setup, seed: int = 0) -> None:
        self.env = simpy.Environment()
        self.setup = setup
        self.outcomes: list[Outcome] = []
        self.replicas = [Replica(self.env, setup.server) for _ in range(setup.replicas)]
        """Those that get photos."""
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self.gateways: list[Gateway] = []
        for _ in range(setup.gateways):
            self.add_gateway()
        self.started = list(self.replicas)
        """All that there ever were."""

    def come(self, demand: Demand) -> tuple[Outcome, simpy.Process | None]:
        """A photo comes to one of the gateways that live."""
        living = [gateway for gateway in self.gateways if gateway.alive]
        outcome, process = self._chance.choice(living).take(demand)
        self.outcomes.append(outcome)
        return outcome, process

    def add_replica(self) -> Replica:
        """One more that gets photos from now on."""
        replica = Replica(self.env, self.setup.server)
        self.replicas.append(replica)
        self.started.append(replica)
        return replica

    def withdraw(self, replica: Replica) -> None:
        """It finishes what it has, and gets no more."""
        self.replicas.remove(replica)

    def kill(self, replica: Replica, silence: float = 0.0) -> None:
        """It dies with what it is at. Gateways notice after ``silence`` seconds, and send it photos until then."""
        replica.die()

        def miss() -> None:
            self.replicas.remove(replica)
            replica.be_missed()

        self.at(self.env.now + silence, miss)

    def add_gateway(self) -> Gateway:
        """One more that clients come to from now on."""
        gateway = Gateway(self.env, self.replicas, self.setup.places, self._chance.getrandbits(32))
        self.gateways.append(gateway)
        return gateway

    def queue_seconds(self) -> float:
        """Time that calls have waited in all replicas so far, those that are gone among them."""
        return sum(replica.queue_seconds for replica in self.started)

    def used_core_seconds(self) -> float:
        """Of all CPUs so far."""
        return sum(replica.cores.used for replica in self.started)

    def at(self, moment: float, act: Callable[[], Any]) -> None:
        """Call ``act`` then."""

        def wait() -> Generator[simpy.Event, Any, None]:
            yield self.env.timeout(max(0.0, moment - self.env.now))
            act()

        self.env.process(wait())

    def open_loop(self, arrivals: Iterable[Arrival]) -> None:
        """Photos come when they come, whatever has become of those before them."""

        def send() -> Generator[simpy.Event, Any, None]:
            for arrival in arrivals:
                yield self.env.timeout(max(0.0, arrival.time - self.env.now))
                self.come(arrival.demand)

        self.env.process(send())

    def closed_loop(self, photos: Sequence[Sequence[Demand]]) -> None:
        """Users, each of whom sends the next of their photos as soon as the last is back."""

        def use(own: Sequence[Demand]) -> Generator[simpy.Event, Any, None]:
            for demand in own:
                _, process = self.come(demand)
                if process is not None:
                    yield process

        for own in photos:
            self.env.process(use(own))

    def run(self, until: float | None = None) -> list[Outcome]:
        """To the end of all photos, or to a moment. All outcomes so far, in the order of arrival."""
        self.env.run(until)
        return self.outcomes


def simulate(setup: Setup, arrivals: Iterable[Arrival], seed: int = 0) -> list[Outcome]:
    """What becomes of photos that come in an open loop."""
    simulation = Simulation(setup, seed)
    simulation.open_loop(arrivals)
    return simulation.run()
