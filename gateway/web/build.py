"""Builds the page: ``python -m gateway.web.build``, which ``make page``, ``make serve`` and ``make test`` call.

    OpenAPI document → client in TypeScript (openapi-ts) → page in ``dist/`` (Vite)

Where nothing has changed since the last time, nothing is done. Builds take turns; one that fails leaves the last page.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.web import DIST, WEB
from gateway.web.node import Node, find_node, install_node
from limner.errors import PageBuildError
from limner.settings import PROJECT_ROOT, Settings

_STATE: Final = WEB / ".build"
_BUILT, _INSTALLED = _STATE / "built", _STATE / "installed"
_SOURCES: Final = ("package-lock.json", "package.json", "index.html", "*.config.ts", "tsconfig.json", "src/**/*")
_GENERATED: Final = WEB / "src" / "api" / "generated"
_QUICK: Final = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000", "--fetch-timeout=60000")
"""npm's own pauses would keep a machine without a network waiting for more than a minute, at every `make serve`."""

_SAID_CHARACTERS = 2000


def build() -> None:
    """Bring the page up to date.

    Raises:
        PageBuildError: there is no Node, its packages cannot be had, or a step failed.
    """
    with _turn():
        wanted = fingerprint()
        if DIST.is_dir() and _read(_BUILT) == wanted:
            return
        _tell("Building the page ...")
        node = _ready_node()
        (WEB / "openapi.json").write_text(_document(), "utf-8")
        _run(node, "run", "generate")
        fresh = _STATE / "dist"
        _run(node, "run", "build", "--", "--outDir", str(fresh), "--emptyOutDir")
        _replace(DIST, fresh)
        _BUILT.write_text(wanted)


def run_script(name: str) -> None:
    """Run a script of ``package.json`` on the sources, its output to the terminal.

    Raises:
        PageBuildError: it failed.
    """
    with _turn():
        node = _ready_node()
    command = [*node.npm, "run", "--silent", name]
    if subprocess.run(command, cwd=WEB, env=node.environment(), check=False).returncode:  # noqa: S603 - built here
        raise PageBuildError(f"`npm run {name}` in gateway/web failed; what it found is above.")


def fingerprint() -> str:
    """Of everything that the page is made of: its sources, and the gateway, whose API its client is made from."""
    files = [path for pattern in _SOURCES for path in WEB.glob(pattern)]
    files += [path for folder in ("gateway", "limner") for path in (PROJECT_ROOT / folder).rglob("*.py")]
    made = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file() and _GENERATED not in path.parents):
        made.update(f"{path.relative_to(PROJECT_ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return made.hexdigest()


def _document() -> str:
    """The OpenAPI document under the default settings, whatever the user's are."""
    from gateway.app import create_app  # noqa: PLC0415 - takes seconds, and most times nothing is to be built

    for name in [name for name in os.environ if name.startswith("LIMNER_")]:
        del os.environ[name]
    return json.dumps(create_app(Settings(), "127.0.0.1:1").openapi())


def _ready_node() -> Node:
    """A Node, and the packages of the lock in ``node_modules``."""
    node = find_node()
    if node is None:
        _tell("Installing Node, which builds the page ...")
        node = install_node()
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not (WEB / "node_modules").is_dir() or _read(_INSTALLED) != lock:
        _tell("Installing what the page is made of ...")
        _INSTALLED.unlink(missing_ok=True)  # a half-made folder must not pass for a whole one
        _run(node, "ci", hint="If the npm registry cannot be reached, `npm config set registry URL` names a mirror.")
        _INSTALLED.write_text(lock)
    return node


def _run(node: Node, *arguments: str, hint: str = "") -> None:
    command = [*node.npm, "--no-update-notifier", *_QUICK, *arguments]
    run = subprocess.run(  # noqa: S603 - built here
        command, cwd=WEB, env=node.environment(), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if run.returncode:
        said = run.stdout.decode("utf-8", "replace")[-_SAID_CHARACTERS:].strip()
        raise PageBuildError(f"`npm {' '.join(arguments[:2])}` in gateway/web failed. {hint}\n{said}")


def _replace(folder: Path, fresh: Path) -> None:
    """Put ``fresh`` in the place of ``folder``, which is away for no longer than it takes to rename one."""
    old = _STATE / "old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _turn() -> Iterator[None]:
    _STATE.mkdir(exist_ok=True)
    with (_STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the page.")
    parser.add_argument("--optional", action="store_true", help="warn where it cannot be built, and succeed")
    parser.add_argument("--then", metavar="SCRIPT", help="run a script of package.json afterwards: check, test")
    arguments = parser.parse_args()
    try:
        build()
        if arguments.then:
            run_script(arguments.then)
    except (PageBuildError, OSError) as error:  # OSError: a folder that may not be written
        left = "the page stays as it is" if DIST.is_dir() else "no page, only the API"
        _tell(f"Warning: {left}. {error}" if arguments.optional else str(error))
        sys.exit(0 if arguments.optional else 1)


if __name__ == "__main__":
    main()
