"""How much memory this process may take before the kernel ends it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from limner.control_groups import GROUPS, OWN_GROUPS, limit_files


def memory_limit(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int:
    """Bytes: the least of what the machine has and what control groups (version 2 or 1) allow."""
    limits = [psutil.virtual_memory().total]
    for file in limit_files("memory", "memory.max", "memory.limit_in_bytes", groups, own):
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int(file.read_text()))
    return min(limits)
