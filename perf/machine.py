"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

import psutil

from limner.settings import PROJECT_ROOT


def describe_machine() -> dict[str, object]:
    """Processor, cores, memory, Python and commit, for the head of every result."""
    cpu_info = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in cpu_info if line.startswith("model name")), "unknown")
    flags = next((set(line.split()) for line in cpu_info if line.startswith("flags")), set())
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "instructions": sorted(flags & {"avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8"}),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def describe_run() -> dict[str, object]:
    """The machine, and the day."""
    return {"date": datetime.now(timezone.utc).date().isoformat(), "machine": describe_machine()}


@cache  # before a run writes results, which are part of the tree
def _commit() -> str:
    git = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603
