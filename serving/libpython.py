"""Make sure that Python's shared library is there, without which Triton's Python stub does not start.

Debian's and Ubuntu's ``python3`` is linked statically and comes without it. As root the package is installed here;
anybody else is told its name when the server is to start (:mod:`serving.locate`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from find_libpython import find_libpython


def main() -> None:
    """Install ``libpython3.X`` with apt where it is missing, apt is there and root asks."""
    apt = shutil.which("apt-get")
    if find_libpython() is not None or apt is None or os.geteuid() != 0:
        return
    package = f"libpython{sys.version_info.major}.{sys.version_info.minor}"
    sys.stdout.write(f"Installing the system's package {package}, which Triton's Python models need ...\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([apt, "-qq", "update"], [apt, "-qq", "install", "-y", package]):
        subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed words


if __name__ == "__main__":
    main()
