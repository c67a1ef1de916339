"""One image of the corpus."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """``name`` says what is wrong with ``data``."""

    name: str
    data: bytes = field(repr=False)
