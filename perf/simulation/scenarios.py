"""What is simulated, declared as data: a day's photos, a burst, losses. Times are in seconds, rates per second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perf.cost.gpu import Gpu
from perf.simulation.autoscale import Policy
from perf.simulation.demands import Measured
from perf.simulation.gateway import Places
from perf.simulation.replica import Server
from perf.simulation.service import Kind, Mix

PORTRAIT, LARGER, THREE_FACES = "248×320, one face, ×2", "512×512, one face, ×2", "1024×768, three faces, ×2"

PHOTOS_A_DAY = (1_000, 10_000, 100_000, 1_000_000)
CORES = (2, 4, 8)
GPU_CORES = 8
"""Beside a GPU: an assumption."""

GATEWAYS = 2
FOUR_CORES, DEFAULT_PLACES = Server(4), Places()


@dataclass(frozen=True)
class NamedMix:
    """Shares of typical photos by their names; ``x4``: enlarged by x4plus instead of x2plus."""

    name: str
    shares: Mapping[str, float]
    x4: bool = False

    def on_cpu(self, measured: Measured, cores: int, spread: Sequence[float]) -> Mix:
        """Demands on a CPU of so many cores."""
        kinds = []
        for name, share in self.shares.items():
            costs, factor = measured.typical_costs(name, x4=self.x4)
            kinds.append(Kind(share, costs.demand(cores, factor), spread))
        return kinds

    def on_gpu(self, measured: Measured, gpu: Gpu, spread: Sequence[float]) -> Mix:
        """Demands with the networks on ``gpu``."""
        return [Kind(share, measured.gpu_demand(name, gpu, GPU_CORES), spread) for name, share in self.shares.items()]


PORTRAITS = NamedMix("ID portraits", {PORTRAIT: 1.0})
PORTRAITS_X4 = NamedMix("ID portraits by x4plus", {PORTRAIT: 1.0}, x4=True)
MIXED = NamedMix("mix", {PORTRAIT: 0.8, LARGER: 0.16, THREE_FACES: 0.04})
MIXES = (PORTRAITS, PORTRAITS_X4, MIXED)
GPU_MIXES = (PORTRAITS, MIXED)
"""x4plus is left out: on a GPU, too, nothing was measured."""

GATEWAY_COUNTS = (1, 2, 4, 10, 20)
GATEWAY_TRIAL_REPLICAS = 45
"""Of 4 cores, for a million portraits a day: a fifth more than the work alone takes."""


@dataclass(frozen=True)
class Burst:
    """``usual`` photos a second, and ``times`` as many from ``begin`` to ``end``; looked at until ``until``."""

    usual: float = 1.5
    times: float = 5.0
    begin: float = 600.0
    end: float = 1200.0
    until: float = 3600.0
    server: Server = FOUR_CORES
    gateways: int = GATEWAYS


@dataclass(frozen=True)
class Scaling:
    """``replicas`` at the start; ``policy`` is None where they are fixed."""

    name: str
    replicas: int
    policy: Policy | None = None
    places: Places = DEFAULT_PLACES


_LEAST, _MOST = 3, 12
_MANY_PLACES = Places(at_work=60)
_SLOW_START = (360.0, 360.0)


def _scaling(threshold: float, places: Places, start: tuple[float, float] = (60.0, 120.0)) -> Scaling:
    policy = Policy(_LEAST, _MOST, threshold, start=start)
    exporting = ", each exports first" if start == _SLOW_START else ""
    return Scaling(f"KEDA, {threshold:g} waiting calls{exporting}", _LEAST, policy, places)


THRESHOLDS = (0.25, 0.5, 1.0, 2.0, 4.0)

SCALINGS = (
    Scaling(f"fixed, {_LEAST}", _LEAST),
    Scaling(f"fixed, {_MOST}", _MOST),
    *(_scaling(threshold, DEFAULT_PLACES) for threshold in THRESHOLDS),
    *(_scaling(threshold, _MANY_PLACES) for threshold in THRESHOLDS),
    _scaling(0.5, DEFAULT_PLACES, _SLOW_START),
)


@dataclass(frozen=True)
class Loss:
    """A replica, or a gateway, dies at ``moment``; another is there ``restart`` later.

    Attributes:
        silence: until the others notice; a process that ends is noticed at once, a machine that is gone is not.
        tries: replicas that a photo is given to.
    """

    name: str
    what: str = "replica"
    restart: float = 60.0
    silence: float = 0.0
    tries: int = 2
    moment: float = 300.0
    until: float = 900.0
    rate: float = 3.5
    replicas: int = 6
    server: Server = FOUR_CORES
    gateways: int = GATEWAYS

    @property
    def places(self) -> Places:
        return replace(DEFAULT_PLACES, tries=self.tries)


LOSSES = (
    Loss("nothing is lost", "nothing"),
    Loss("a replica ends, back after 60 s"),
    Loss("a replica ends, back after 120 s", restart=120.0),
    Loss("the same, and no photo is given to another", restart=120.0, tries=1),
    Loss("its machine falls silent for 25 s, back after 120 s", restart=120.0, silence=25.0),
    Loss("a gateway ends, back after 30 s", "gateway", restart=30.0),
)
