"""Find a Triton server and what it needs to run: that of the package ``nvidia-pytriton``, or an installed one."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from find_libpython import find_libpython

from limner.errors import ServingError


@dataclass(frozen=True)
class TritonInstallation:
    """Where the parts of a server lie.

    Attributes:
        server: the ``tritonserver`` binary.
        libraries: folder of the shared libraries it was linked with.
        python_backend: folder of the ``python`` backend.
        stub: the Python stub for the running Python version.
        libpython: shared library of the running Python, which the stub is linked against; None where the system's
            loader finds it by itself.
        native_backends: folder of all backends of an installed server; None for the embedded one, which has no other.
    """

    server: Path
    libraries: Path
    python_backend: Path
    stub: Path
    libpython: Path | None
    native_backends: Path | None = None


def locate_triton(home: Path | None = None) -> TritonInstallation:
    """Find the server below ``home``, such as ``/opt/tritonserver``; None: the embedded one.

    Raises:
        ServingError: naming what is missing and how to get it.
    """
    return _embedded() if home is None else _installed(home)


def _installed(home: Path) -> TritonInstallation:
    python_backend = home / "backends" / "python"
    installation = TritonInstallation(
        server=home / "bin" / "tritonserver",
        libraries=home / "lib",
        python_backend=python_backend,
        stub=python_backend / "triton_python_backend_stub",
        libpython=None,
        native_backends=python_backend.parent,
    )
    for part in (installation.server, installation.stub):
        if not part.is_file():
            raise ServingError(
                f"{part} is missing. LIMNER_TRITON_HOME must be the folder of a Triton server with the backend python, "
                "such as /opt/tritonserver in NVIDIA's container."
            )
    return installation


def _embedded() -> TritonInstallation:
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
