"""Find the Triton server that the package ``nvidia-pytriton`` carries, and what it needs to run."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from find_libpython import find_libpython

from limner.errors import ServingError


@dataclass(frozen=True)
class TritonInstallation:
    """Where the parts of the embedded server lie.

    Attributes:
        server: the ``tritonserver`` binary.
        libraries: folder of the shared libraries it was linked with.
        python_backend: folder of the ``python`` backend.
        stub: the Python stub for the running Python version.
        libpython: shared library of the running Python, which the stub is linked against.
    """

    server: Path
    libraries: Path
    python_backend: Path
    stub: Path
    libpython: Path


def locate_triton() -> TritonInstallation:
    """Find the embedded server.

    Raises:
        ServingError: naming what is missing and how to get it.
    """
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise ServingError(
            "The package nvidia-pytriton, which carries the Triton server, is not installed. "
            "Run `make serve`, or set LIMNER_TRITON_URL to a Triton server elsewhere."
        )
    package = Path(spec.origin).parent
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    libpython = find_libpython()
    if libpython is None:
        raise ServingError(
            f"Python's shared library (libpython{version}.so) is missing, which Triton's Python stub needs. "
            f"On Debian or Ubuntu: apt-get install libpython{version}. With pyenv: install Python with --enable-shared."
        )
    triton = package / "tritonserver"
    installation = TritonInstallation(
        server=triton / "bin" / "tritonserver",
        libraries=package.parent / "nvidia_pytriton.libs",
        python_backend=triton / "backends" / "python",
        stub=triton / "python_backend_stubs" / version / "triton_python_backend_stub",
        libpython=Path(libpython),
    )
    for part in (installation.server, installation.libraries, installation.python_backend, installation.stub):
        if not part.exists():
            raise ServingError(
                f"The package nvidia-pytriton lacks {part.name} for Python {version}. "
                "Install the pinned version: delete .venv and run `make serve`."
            )
    return installation
