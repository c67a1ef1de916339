"""How many threads an instance may use."""

from __future__ import annotations


def share(total: int, instances: int) -> int:
    """The part of ``total`` threads or streams that falls to one of ``instances`` processes; at least 1."""
    return max(1, total // instances)
