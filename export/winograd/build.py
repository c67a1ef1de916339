"""Compiles ``kernels/rrdb`` into ``librrdb.so`` with the compiler that the package ``ziglang`` carries.

The library needs nothing but glibc 2.17 or later, and the same sources make the same bytes on every machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path

from limner.errors import ExportError
from limner.settings import PROJECT_ROOT

SOURCES = PROJECT_ROOT / "kernels" / "rrdb"

_TIMEOUT = 300.0
"""Seconds; it takes ten or so."""

_FLAGS = (
    *("-target", "x86_64-linux-gnu.2.17", "-march=x86_64_v4", "-mavx512vnni"),
    *("-std=c++17", "-O3", "-fomit-frame-pointer", "-fno-sanitize=all", "-fno-exceptions", "-fno-rtti"),
    *("-Wall", "-Wextra", "-Werror"),
    *("-shared", "-fPIC", "-pthread", "-nostdlib++", "-s", "-Wl,-z,defs", "-Wl,--build-id=none"),
)
_REPORT = "Check that the pinned version of ziglang is installed, then export again."
_EXPORTED = "{ global: rrdb_*; local: *; };\n"


def build_kernel(target: Path, sources: Path = SOURCES) -> None:
    """Compile the ``*.cc`` files in the folder ``sources`` into the shared library ``target``.

    Raises:
        ExportError: where the compiler is missing or fails, saying what to do.
    """
    if util.find_spec("ziglang") is None:
        raise ExportError(
            "The compiler is missing. Install the packages of requirements/export.txt, then export again."
        )
    files = sorted(file.name for file in sources.glob("*.cc"))
    if not files:
        raise ExportError(f"There is no source in {sources.parent.name}/{sources.name}; use a checkout of Limner.")
    with tempfile.TemporaryDirectory(prefix="limner-kernel-") as folder:
        exported, library = Path(folder) / "exported.map", Path(folder) / target.name
        exported.write_text(_EXPORTED, "utf-8")
        command = [*(sys.executable, "-m", "ziglang", "c++", *_FLAGS), f"-Wl,--version-script={exported}"]
        _run([*command, "-o", str(library), *files], sources, Path(folder) / "cache")
        target.write_bytes(library.read_bytes())


def _run(command: list[str], sources: Path, cache: Path) -> None:
    """In the folder of the sources, so that no path of this machine gets into the library."""
    environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(cache), "ZIG_GLOBAL_CACHE_DIR": str(cache)}
    try:
        done = subprocess.run(  # noqa: S603 - built here
            command,
            cwd=sources,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"The kernel could not be compiled ({type(error).__name__}). {_REPORT}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line), lines[-1] if lines else "nothing was said")
        raise ExportError(f"The kernel could not be compiled: {said.strip()[:300]} {_REPORT}")
