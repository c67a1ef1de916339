"""Markdown tables, and figures as they stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; a line that says so where there are no lines."""
    rows = list(lines) or [("not measured", *[""] * (len(head) - 1))]
    ruled = [tuple(head), ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in ruled)


def number(value: float) -> str:
    """Three digits; whole from a hundred on, with commas between thousands."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def mib(value: float) -> str:
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """``0.123`` as ``12 %``; a sign stays."""
    return f"{share * 100:.0f} %"
