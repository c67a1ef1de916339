"""How many threads an instance may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The cores that this process is allowed to run on, which in a container may be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def share(total: int, instances: int) -> int:
    """The part of ``total`` threads or streams that falls to one of ``instances`` processes; at least 1."""
    return max(1, total // instances)
