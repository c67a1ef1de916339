"""Whatever installs packages does it under hashes, or is an exception that docs/supply-chain.md owns up to."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deploy.locks import REQUIREMENTS, python_pins
from deploy.shipped import SHIPPED
from export.environment import TORCH, UV
from limner.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "supply-chain.md").read_text("utf-8")
EXCEPTIONS_OF = PAGE.partition("## What is under no hash")[2].partition("\n## ")[0]

HASHED = ("--require-hashes", "$(INSTALL)", "npm ci")
DECLARED = {
    "$(TENSORRT)": "tensorrt-cu12-libs",
    "--no-deps --editable .": "setuptools",
    "uv==": "uv",
}
"""What stands in an installation without hashes, and the exception that it is."""


def installations() -> list[str]:
    """Commands of the Makefile and the Dockerfiles that install packages with pip."""
    files = [PROJECT_ROOT / "Makefile", *sorted((PROJECT_ROOT / "deploy" / "docker").glob("*.Dockerfile"))]
    commands = []
    for path in files:
        text = re.sub(r"\\\n\s*", " ", path.read_text("utf-8"))
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        commands += [part for line in lines for part in re.split(r"&&|;", line)]
    pip = re.compile(r"\$\(PIP\)|\bpip\b")
    return [command.strip() for command in commands if pip.search(command) and re.search(r"\sinstall\b", command)]


def test_every_installation_is_under_hashes_or_declared() -> None:
    found = installations()
    assert len(found) >= 8
    for command in found:
        if not any(mark in command for mark in HASHED):
            (exception,) = [name for mark, name in DECLARED.items() if mark in command]
            assert f"`{exception}`" in EXCEPTIONS_OF, command


def test_every_exception_is_there_still() -> None:
    unhashed = [command for command in installations() if not any(mark in command for mark in HASHED)]
    for mark in DECLARED:
        assert any(mark in command for command in unhashed), mark


def test_the_page_is_installed_by_its_lock() -> None:
    source = (PROJECT_ROOT / "gateway" / "web" / "build.py").read_text("utf-8")
    assert '_run(node, "ci",' in source
    assert '"install"' not in source
    assert "--require-hashes" in (PROJECT_ROOT / "gateway" / "web" / "node.py").read_text("utf-8")


def test_what_comes_with_torch_is_named() -> None:
    """PyTorch brings packages that the exporter's lock lacks; a version of it that brings others shows here."""
    if metadata.version("torch").partition("+")[0] != TORCH.partition("==")[2]:
        pytest.fail(f"install {TORCH}: python -m export.environment")
    locked = {pin.name for pin in python_pins(REQUIREMENTS / "exporter.txt", "3.11")}
    left, unlocked = ["torch"], set[str]()
    while left:
        for requirement in map(Requirement, metadata.requires(left.pop()) or []):
            name = requirement.name.lower()
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": "", "sys_platform": "linux"})
            if wanted and name not in locked | unlocked and not name.startswith(("nvidia-", "cuda-", "triton")):
                unlocked.add(name)
                left.append(name)
    row = next(line for line in EXCEPTIONS_OF.splitlines() if "`torch` asks for them" in line)
    assert set(re.findall(r"`([\w-]+)`", row.split("|")[1])) == unlocked


def test_unlocked_packages_of_bills_are_declared() -> None:
    for pin in {pin for thing in SHIPPED for pin in thing.unlocked()}:
        assert f"`{pin.name}`" in EXCEPTIONS_OF
    assert f"`{UV.partition('==')[0]}`" in EXCEPTIONS_OF
