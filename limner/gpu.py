"""Whether this machine has an NVIDIA GPU."""

from __future__ import annotations

from pathlib import Path

_DEVICES = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"), Path("/dev/dxg"))


def has_gpu() -> bool:
    """Whether an NVIDIA driver is loaded."""
    return any(device.exists() for device in _DEVICES)
