"""The networks that can enlarge a background: declared as data, and chosen by size of the result and by cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from limner.catalog import CatalogEntry
from limner.errors import InvalidOption


@dataclass(frozen=True)
class BackgroundNetwork:
    """One network.

    Attributes:
        model: name of the Triton model.
        family: the option ``background`` that asks for it.
        scale: enlargement by the network.
        cost: time for a pixel of the photo, Real-ESRGAN x4plus in the same precision being 1 (docs/models.md).
        multiple: what the sides of its tiles must be multiples of.
    """

    model: str
    family: str
    scale: int
    cost: float
    multiple: int = 1


BACKGROUND_NETWORKS: tuple[BackgroundNetwork, ...] = (
    BackgroundNetwork("realesrgan_x4", "realesrgan", 4, 1.0),
    BackgroundNetwork("realesrgan_x2", "realesrgan", 2, 0.27, multiple=2),
    BackgroundNetwork("realesr_general_x4v3", "realesrgan", 4, 0.07),
    BackgroundNetwork("swinir_l_x4", "swinir", 4, 2.5, multiple=8),
    BackgroundNetwork("swinir_m_x4", "swinir", 4, 1.4, multiple=8),
)
"""Best first within a family."""

AUTO_FAMILY = "realesrgan"
"""What ``background=auto`` chooses among: the others are several times as slow for much the same picture."""


@dataclass(frozen=True)
class Choice:
    """The network to use, or None for Lanczos with the ``reason`` why."""

    network: BackgroundNetwork | None
    reason: str | None = None


@dataclass(frozen=True)
class Budget:
    """How many pixels ``auto`` gives to Real-ESRGAN x4plus; a network of half its cost gets twice as many.

    Attributes:
        pixels: for networks in FP32; 0 for no limit.
        pixels_int8: for networks in INT8.
    """

    pixels: int
    pixels_int8: int

    def allows(self, network: BackgroundNetwork, entry: CatalogEntry, pixels: int) -> bool:
        limit = self.pixels_int8 if entry.precision == "int8" else self.pixels
        return limit == 0 or pixels * network.cost <= limit


def choose_background(
    wanted: str, scale: int, pixels: int, served: Mapping[str, CatalogEntry], reasons: Mapping[str, str], budget: Budget
) -> Choice:
    """Which network enlarges a photo.

    Real-ESRGAN x2plus comes first for results up to twice as large, x4plus for larger ones; each stands in for the
    other where that has no weights. ``auto`` takes the first that is within the budget.

    Args:
        wanted: the option ``background``.
        scale: of the result: 1, 2, 4 or 8.
        pixels: of the photo.
        served: catalogue entries of the networks that are served, by model.
        reasons: why the others are not, by model.
        budget: what ``auto`` may spend.

    Raises:
        InvalidOption: the family asked for by name has no network that is served.
    """
    if wanted == "lanczos":
        return Choice(None, "Asked for by background=lanczos.")
    family = AUTO_FAMILY if wanted == "auto" else wanted
    candidates = _in_order(family, scale)
    usable = [network for network in candidates if network.model in served]
    if not usable:
        why = next(filter(None, (reasons.get(network.model) for network in candidates)), "It has not been exported.")
        if wanted == "auto":
            return Choice(None, why)
        raise InvalidOption(f"background={wanted} is not available here: {why} Send background=auto or lanczos.")
    if wanted != "auto":
        return Choice(usable[0])
    for network in usable:
        if budget.allows(network, served[network.model], pixels):
            return Choice(network)
    return Choice(
        None,
        f"For {pixels / 1e6:.1f} megapixels auto takes Lanczos here, since a network would take too long; "
        f"send background={family} to insist.",
    )


def _in_order(family: str, scale: int) -> list[BackgroundNetwork]:
    members: Iterable[BackgroundNetwork] = (each for each in BACKGROUND_NETWORKS if each.family == family)
    return sorted(members, key=lambda network: _detour(network, scale))


def _detour(network: BackgroundNetwork, scale: int) -> int:
    """0 for the family's full networks of the right scale, 1 for those of the other, 2 for the small one."""
    if network.cost < 0.1:
        return 2
    right = 2 if scale <= 2 else 4
    return int(network.scale != right and network.family == "realesrgan")
