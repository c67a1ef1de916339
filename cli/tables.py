"""Tables for people: as wide as the terminal, or as wide as they need to be where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from export.manifest import Manifest

_PIPED_WIDTH = 240


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print ``rows`` under ``columns``; only the last column is broken into lines where room is short."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    table = Table(box=SIMPLE)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def print_manifests(manifests: Iterable[Manifest]) -> None:
    """Take exports as they are finished; at the end print a table of them, with what kept a precision from passing."""
    rows = []
    notes = []
    for manifest in manifests:
        rows.append(
            (
                manifest.model,
                manifest.variant,
                manifest.precision,
                f"{manifest.bytes / 1e6:.1f}",
                f"{manifest.worst_error:.1e}",
                _quality(manifest),
                str(manifest.source["label"]),
            )
        )
        if manifest.precision_reason:
            notes.append(f"{manifest.model}: {manifest.precision_reason}")
    print_table(("model", "network", "precision", "MB", "FP32 error", "quality", "weights"), rows)
    for note in notes:
        Console(width=_PIPED_WIDTH).print(Text(note))


def _quality(manifest: Manifest) -> str:
    """The figures of the gate that decided, such as ``psnr_mean 38.2, ssim 0.98``."""
    if not manifest.quality:
        return ""
    figures = manifest.quality[-1].get("figures")
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items()) if isinstance(figures, dict) else ""
