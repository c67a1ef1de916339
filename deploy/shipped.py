"""What Limner is shipped as, and the locks that say what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.locks import REQUIREMENTS, Pin, page_pins, python_pins
from export.environment import TORCH
from limner.settings import PROJECT_ROOT

DEVELOPMENT: Final = "development"
"""Stays on the machine of whoever works on Limner."""

DOCKER: Final = PROJECT_ROOT / "deploy" / "docker"


@dataclass(frozen=True)
class Shipped:
    """One thing that is shipped.

    Attributes:
        name: of its SBOM, too.
        title: what it is, in a few words.
        lock: in ``requirements``; None for the page, whose lock is npm's.
        python: the Python that the lock is read for; Triton's image has another one.
        dockerfile: of an image.
        unlocked: packages whose version is pinned elsewhere, and their files by no hash.
        with_triton, with_weights: whether the embedded Triton is in it, and whether it may fetch weights.
    """

    name: str
    title: str
    lock: str | None
    python: str = "3.11"
    dockerfile: str | None = None
    unlocked: Callable[[], tuple[Pin, ...]] = tuple
    with_triton: bool = False
    with_weights: bool = False

    def python_pins(self) -> tuple[Pin, ...]:
        """What the lock pins, by name; nothing for the page."""
        return python_pins(REQUIREMENTS / self.lock, self.python) if self.lock else ()

    def pins(self) -> tuple[Pin, ...]:
        """What the lock pins, by name."""
        return self.python_pins() if self.lock else page_pins()

    def python_packages(self) -> tuple[Pin, ...]:
        """All of Python's, whether a lock has them or not."""
        return (*self.python_pins(), *self.unlocked())

    def base_image(self) -> str | None:
        """What the image is made from, such as ``python:3.11-slim-bookworm``; None where this is no image."""
        return base_image(DOCKER / self.dockerfile) if self.dockerfile else None


def base_image(dockerfile: Path) -> str:
    """The image that the last stage of ``dockerfile`` begins with, by the default of its argument."""
    text = dockerfile.read_text("utf-8")
    arguments: dict[str, str] = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    return arguments[re.findall(r"^FROM \$\{(\w+)\}$", text, re.MULTILINE)[-1]]


def _torch() -> tuple[Pin, ...]:
    return (_unlocked(TORCH),)


def _tensorrt() -> tuple[Pin, ...]:
    makefile = (PROJECT_ROOT / "Makefile").read_text("utf-8")
    return tuple(_unlocked(text) for text in re.findall(r"^TENSORRT := (\S+)$", makefile, re.MULTILINE))


def _unlocked(text: str) -> Pin:
    name, _, version = text.partition("==")
    return Pin(name, version, (), text)


SHIPPED: Final = (
    Shipped("serving", "`make serve`, on a CPU", "serve.txt", with_triton=True, with_weights=True),
    Shipped(
        "serving-gpu",
        "`make serve` with `LIMNER_PROFILE=gpu`",
        "gpu.txt",
        unlocked=_tensorrt,
        with_triton=True,
        with_weights=True,
    ),
    Shipped("gateway", "the image limner-gateway", "gateway.txt", dockerfile="gateway.Dockerfile"),
    Shipped("triton", "the image limner-triton", "triton.txt", "3.12", "triton.Dockerfile"),
    Shipped(
        "exporter",
        "the image limner-exporter",
        "exporter.txt",
        dockerfile="exporter.Dockerfile",
        unlocked=_torch,
        with_weights=True,
    ),
    Shipped("page", "the web page, which the gateway serves", None),
    Shipped(DEVELOPMENT, "export, tests and benchmarks from a checkout", "test.txt", unlocked=_torch),
)
"""Whatever is new here gets an SBOM and a column in docs/licences.md."""
