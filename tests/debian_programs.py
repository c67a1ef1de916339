"""Programs of Debian's packages for tests: found on PATH, or unpacked into ``.limner/tools``.

They are not installed: nothing is changed outside the project, and no service of a package is started.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from limner.settings import PROJECT_ROOT

TOOLS = PROJECT_ROOT / ".limner" / "tools" / "debian"
_SECONDS = 300
_START_SECONDS = 30
_VERSION_FLAGS = {"nginx": "-v"}


def require_program(name: str, package: str) -> str:
    """The path of a program that starts.

    The test is skipped, by name, where there is none, and fails where none may be.
    """
    return _find(name, package) or _missing(name, package)


def require_library(name: str, package: str) -> str:
    """The path of a shared library of a package. Skipped or failed as :func:`require_program`."""
    paths = f"usr/lib/**/{name}"
    if (found := next(Path("/").glob(paths), None) or next((TOOLS / package).glob(paths), None)) is not None:
        return str(found)
    if shutil.which("apt-get") and shutil.which("dpkg") and _unpack(package):
        return str(next((TOOLS / package).glob(paths)))
    return _missing(name, package)


def _missing(name: str, package: str) -> NoReturn:
    missing = f"{name} is missing: apt-get install {package}"
    if os.environ.get("LIMNER_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@functools.cache
def _find(name: str, package: str) -> str | None:
    for candidate in (*_candidates(name), *_unpacked(name, package)):
        if _starts(candidate):
            return candidate
    if shutil.which("apt-get") and shutil.which("dpkg") and _unpack(package):
        return next(filter(_starts, _unpacked(name, package)), None)
    return None


def _candidates(name: str) -> list[str]:
    """Those of the system; servers are often in a folder that is not on the PATH of ordinary users."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return list(filter(None, [shutil.which(name, path=path)]))


def _unpacked(name: str, package: str) -> list[str]:
    return [str(path) for path in (TOOLS / package).glob(f"usr/*bin/{name}")]


def _starts(program: str) -> bool:
    flag = _VERSION_FLAGS.get(Path(program).name, "--version")
    try:
        done = subprocess.run([program, flag], capture_output=True, timeout=_START_SECONDS, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _unpack(package: str) -> bool:
    """Fetch a package from Debian's archive and lay its files below :data:`TOOLS`."""
    with tempfile.TemporaryDirectory() as folder:
        if not _apt(folder, "download", package):
            _apt(folder, "update")  # its lists may be missing or old; only root may
            if not _apt(folder, "download", package):
                return False
        archive = next(Path(folder).glob("*.deb"))
        staged = Path(folder) / "files"
        if subprocess.run(["dpkg", "-x", archive, staged], capture_output=True, check=False).returncode:
            return False
        target = TOOLS / package
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(staged, target, symlinks=True)
        return True


def _apt(folder: str, *arguments: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    return done.returncode == 0
