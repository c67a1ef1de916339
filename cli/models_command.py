"""``limner models``: what fills each role, and why a role is empty."""

from __future__ import annotations

import click


@click.command("models")
def models() -> None:
    """Exported models, where their weights came from, and why others are missing."""
    from cli.tables import print_table  # noqa: PLC0415
    from limner.catalog import CATALOG_FILE, Catalog  # noqa: PLC0415
    from limner.errors import ExportError  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    path = get_settings().models_dir / CATALOG_FILE
    if not path.is_file():
        raise ExportError("No model has been exported yet. `limner export` does it, and so does `limner serve`.")
    catalog = Catalog.load(path)
    print_table(
        ("role", "model", "precision", "weights", "from", "licence"),
        [
            (
                entry.role,
                entry.model,
                entry.precision or "",
                f"{entry.variant} (custom)" if entry.custom else entry.variant,
                entry.source or "",
                entry.licence or "",
            )
            for entry in catalog.entries
            if entry.available
        ],
    )
    click.echo()
    print_table(
        ("role", "model", "why it is not available"),
        [(entry.role, entry.model, entry.reason or "") for entry in catalog.entries if not entry.available],
    )
