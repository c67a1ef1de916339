"""What the processor of this machine can do, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path

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
