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
    table = Table(box=SIMPLE)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _console().print(table)


def print_manifests(manifests: Iterable[Manifest]) -> None:
    """Take exports as they are finished; at the end print a table of them, with what kept a precision from passing."""
    done = list(manifests)
    print_table(
        ("model", "network", "precision", "MB", "FP32 error", "quality", "weights"),
        [
            (manifest.model, manifest.variant, *export_figures(manifest), str(manifest.source["label"]))
            for manifest in done
        ],
    )
    print_reasons(done)


def export_figures(manifest: Manifest) -> tuple[str, str, str, str]:
    """What an export came to: precision, size of its files in MB, error against PyTorch, the gate's figures."""
    megabytes, error = f"{manifest.bytes / 1e6:.1f}", f"{manifest.worst_error:.1e}"
    return manifest.precision, megabytes, error, _quality(manifest)


def print_reasons(manifests: Iterable[Manifest]) -> None:
    """One line for each model that has another precision than was asked for."""
    for manifest in manifests:
        if manifest.precision_reason:
            _console().print(Text(f"{manifest.model}: {manifest.precision_reason}"))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def _quality(manifest: Manifest) -> str:
    """The gate's figures, such as ``psnr_mean 38.2, ssim 0.98``: those of Limner's own kernel where it passed."""
    if not manifest.quality:
        return ""
    own = [entry for entry in manifest.quality if "file" in entry and entry["passed"]]
    figures = (own or manifest.quality)[-1].get("figures")
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items()) if isinstance(figures, dict) else ""
