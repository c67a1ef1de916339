"""Whether Limner's own kernel serves a network in OpenVINO's place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from limner.cpu import cpu_flags, winograd_obstacle
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE, KernelUnusable, RrdbNetwork
from limner.settings import Settings

logger = logging.getLogger(__name__)

WINOGRAD_CONFIG = "cpu_winograd"
"""``configs/<this>.pbtxt`` stands in for that of the profile ``cpu``."""


def wants_winograd(settings: Settings, flags: frozenset[str] | None = None) -> bool:
    """Whether the settings and the CPU are for the kernel; ``flags``: None for those of this CPU."""
    if settings.profile != "cpu" or settings.winograd == "off":
        return False
    return winograd_obstacle(cpu_flags() if flags is None else flags) is None


def can_use_winograd(model: Path, versions: Sequence[Path]) -> bool:
    """Whether every exported version of a model was made for the kernel, and loads in it.

    Args:
        model: its folder in the repository, which must have a configuration for the kernel.
        versions: its exported version folders.
    """
    if not (model / "configs" / f"{WINOGRAD_CONFIG}.pbtxt").is_file() or not versions:
        return False
    if not all((version / name).is_file() for version in versions for name in (WEIGHTS_FILE, LIBRARY_FILE)):
        return False
    try:
        for version in versions:
            RrdbNetwork(version / WEIGHTS_FILE)
    except KernelUnusable as error:
        logger.warning("%s is served by OpenVINO instead of Limner's own kernel: %s", model.name, error)
        return False
    return True
