"""Which network restores faces: the best that is served, or the one that is asked for by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from limner.catalog import CatalogEntry
from limner.errors import InvalidOption


@dataclass(frozen=True)
class RestorerChoice:
    """The network to use, or None for no restoration with the ``reason`` why."""

    entry: CatalogEntry | None
    reason: str | None = None


def choose_restorer(
    wanted: str, served: Mapping[str, CatalogEntry], reasons: Mapping[str, str], why_none: str | None
) -> RestorerChoice:
    """Which network restores the faces of a photo.

    Args:
        wanted: the option ``restorer``.
        served: catalogue entries of the networks that are served, best first, by model.
        reasons: why the others are not, by model.
        why_none: why none is served; None where one is.

    Raises:
        InvalidOption: the network asked for by name is not served.
    """
    if wanted == "none":
        return RestorerChoice(None, "Switched off by restorer=none.")
    if wanted == "auto":
        return RestorerChoice(next(iter(served.values()), None), why_none)
    if wanted in served:
        return RestorerChoice(served[wanted])
    why = reasons.get(wanted) or why_none or "it has not been exported."
    raise InvalidOption(f"restorer={wanted} is not available here: {why} Send restorer=auto or none.")
