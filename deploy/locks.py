"""What the locks pin: ``requirements/*.txt`` and the page's ``package-lock.json``."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from limner.settings import PROJECT_ROOT

REQUIREMENTS: Final = PROJECT_ROOT / "requirements"
PAGE: Final = PROJECT_ROOT / "gateway" / "web" / "package-lock.json"
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")
_NODE_MODULES: Final = "node_modules/"


class LockError(ValueError):
    """A lock says something else than "this version, with these hashes"."""


@dataclass(frozen=True)
class Pin:
    """One pinned package.

    Attributes:
        name, version: as the index spells them.
        hashes: hex digits, any of which a file of the package may have.
        text: its entry in the lock, in one line, without conditions.
        licence: as a lock of npm states it; empty for Python, whose locks state none.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    text: str
    licence: str = ""


def python_pins(lock: Path, python: str) -> tuple[Pin, ...]:
    """The packages that ``lock`` has for Python ``python``, such as 3.11, on Linux and x86-64; by name.

    Raises:
        LockError: an entry is not pinned, has no hash, or is no requirement.
    """
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.99",  # its last one, which images have
        "python_version": python,
        "sys_platform": "linux",
    }
    pins = [
        _python_pin(lock.name, entry, requirement)
        for entry, requirement in entries(lock)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    return tuple(sorted(pins, key=lambda pin: pin.name))


def entries(lock: Path) -> list[tuple[str, Requirement]]:
    """Each entry of ``lock`` in one line, and what it asks for.

    Raises:
        LockError: an entry is no requirement.
    """
    lines = [line.strip() for line in lock.read_text().replace("\\\n", " ").splitlines()]
    read = []
    for line in filter(lambda line: line and not line.startswith("#"), lines):
        try:
            read.append((line, Requirement(line.partition(" --hash")[0])))
        except ValueError as error:
            raise LockError(f"{lock.name}: {line[:60]!r} is no requirement: {error}") from None
    return read


def _python_pin(lock: str, entry: str, requirement: Requirement) -> Pin:
    pinned = re.fullmatch(r"==([^*,=]+)", str(requirement.specifier))
    hashes = tuple(_HASH.findall(entry))
    if pinned is None or requirement.url or not hashes:
        raise LockError(f"{lock}: {requirement.name} must be pinned with == and have sha256 hashes. Run `make lock`.")
    version = pinned[1]
    text = " ".join((f"{requirement.name}=={version}", *(f"--hash=sha256:{digits}" for digits in hashes)))
    return Pin(requirement.name, version, hashes, text)


def page_pins(lock: Path = PAGE) -> tuple[Pin, ...]:
    """The packages that the page may be made of: all of the lock but those for development; by name.

    Raises:
        LockError: one of them has no sha512.
    """
    pins = []
    for path, package in json.loads(lock.read_text())["packages"].items():
        if not path or package.get("dev") or package.get("devOptional"):
            continue
        name = path.rpartition(_NODE_MODULES)[2]
        algorithm, _, digest = package.get("integrity", "").partition("-")
        if algorithm != "sha512":
            raise LockError(f"{lock.name}: {name} has no sha512. Run `npm install` in gateway/web.")
        digits = base64.b64decode(digest, validate=True).hex()
        version = package["version"]
        pins.append(Pin(name, version, (digits,), f"{name}@{version}", package.get("license", "")))
    return tuple(sorted(pins, key=lambda pin: (pin.name, pin.version)))
