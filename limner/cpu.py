"""What the processor of this machine can do, and how much of it is ours, as the kernel tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from limner.control_groups import GROUPS, OWN_GROUPS, limit_files

CPU_INFO = Path("/proc/cpuinfo")

_NEEDED = ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")
_FASTER_OTHERWISE = "amx_int8"


def cpu_flags(cpuinfo: Path = CPU_INFO) -> frozenset[str]:
    """The names of its instruction sets; none where they cannot be read."""
    try:
        lines = cpuinfo.read_text("utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), ()))


def winograd_obstacle(flags: frozenset[str]) -> str | None:
    """Why Limner's own kernel (``kernels/rrdb``) is not used on a CPU with these ``flags``; None where it is."""
    if not flags.issuperset(_NEEDED):
        return "This CPU lacks AVX-512 with VNNI, which Limner's own kernel needs."
    if _FASTER_OTHERWISE in flags:
        return "This CPU has AMX, with which OpenVINO is faster than Limner's own kernel."
    return None


def usable_cores(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int:
    """How many threads find a core: those that this process may run on, or fewer where its time is limited.

    A container that may use 4 of 64 cores sees all of them; 64 threads would be stopped together for most of the time.
    A part of a core counts for none, but there is always one.
    """
    cores = [float(len(os.sched_getaffinity(0)))]
    for file in limit_files("cpu", "cpu.max", "cpu.cfs_quota_us", groups, own):
        with suppress(OSError, ValueError, ZeroDivisionError):  # not there, or "max"
            quota, *period = file.read_text().split()
            length = period[0] if period else file.with_name("cpu.cfs_period_us").read_text()
            if int(quota) > 0:  # version 1 says -1 where there is none
                cores.append(int(quota) / int(length))
    return max(1, int(min(cores)))
