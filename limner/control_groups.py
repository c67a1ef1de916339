"""Where Linux writes down what a container or a service may take: control groups, version 2 or 1."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def limit_files(controller: str, name: str, old_name: str, groups: Path, own: Path) -> list[Path]:
    """Files that may hold a limit of this process, there or not: ``name`` in version 2, ``old_name`` in version 1.

    A container sees its own group at the root of ``groups``; a service of the machine is somewhere below.

    Args:
        controller: such as ``memory`` or ``cpu``.
        name: such as ``memory.max``.
        old_name: such as ``memory.limit_in_bytes``.
        groups: where control groups are mounted.
        own: the file that names this process's groups.
    """
    files = [groups / name, groups / controller / old_name]
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                files.append(groups / path.lstrip("/") / name)
            elif controller in controllers.split(","):
                files.append(groups / controller / path.lstrip("/") / old_name)
    return files
