"""The files of ``deploy/compose``, read as Docker Compose reads them where ``.env`` sets nothing."""

from __future__ import annotations

import re
from typing import Any

import yaml

from limner.settings import PROJECT_ROOT

COMPOSE = PROJECT_ROOT / "deploy" / "compose"
OURS = ("exporter", "triton", "gateway")
"""Services whose images are built here."""

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")


def text_of(name: str) -> str:
    return (COMPOSE / name).read_text("utf-8")


def load(name: str) -> dict[str, Any]:
    """A file with the defaults of its variables."""
    filled = VARIABLE.sub(lambda found: found[2] or "", text_of(name)).replace("$$", "$")
    content: dict[str, Any] = yaml.safe_load(filled)
    return content


def with_gpu() -> dict[str, Any]:
    """What both files say together."""
    return on_top("compose.gpu.yaml")


def on_top(name: str) -> dict[str, Any]:
    """``compose.yaml`` and a file that adds to it."""
    merged: dict[str, Any] = _merged(load("compose.yaml"), load(name))
    return merged


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {name: _merged(below.get(name), above.get(name)) for name in {**below, **above}}
    if isinstance(below, list) and isinstance(above, list):
        return below + above
    return below if above is None else above


def seconds(duration: str) -> float:
    """Of ``30s``; nothing else is written in these files."""
    return float(duration.removesuffix("s"))
