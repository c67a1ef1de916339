"""The environment of Triton and of its Python stubs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from limner.undumpable import SCRUBBING
from serving.gpu_packages import library_folders
from serving.locate import TritonInstallation


def environment(installation: TritonInstallation, profile: str = "cpu") -> dict[str, str]:
    """The environment of Triton and of its Python stubs.

    The stub runs Python isolated: ``PYTHONPATH`` and ``PYTHONHOME`` mean nothing to it. It finds its packages as
    ``python3`` on ``PATH`` would, so this Python's folder comes first there.
    """
    libraries = [str(installation.libraries)]
    if installation.libpython is not None:
        libraries.append(str(installation.libpython.parent))
    if profile == "gpu" and installation.native_backends is None:
        libraries += map(str, library_folders())
    return {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        # Memory: the stubs' numpy must not start threads of its own, nor malloc an arena for each of Triton's.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "GLIBC_TUNABLES": ":".join(filter(None, [os.environ.get("GLIBC_TUNABLES"), SCRUBBING])),
    }
