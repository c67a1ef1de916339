"""``limner models``: what fills each role, and why a role is empty."""

from __future__ import annotations

import click


@click.command("models")
def models() -> None:
    """Exported models, how well they match their source, where it came from, and why others are missing."""
    from cli.tables import export_figures, print_reasons, print_table  # noqa: PLC0415
    from export.manifest import Manifest  # noqa: PLC0415
    from limner.catalog import CATALOG_FILE, Catalog  # noqa: PLC0415
    from limner.errors import ExportError  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    folder = get_settings().models_dir
    if not (folder / CATALOG_FILE).is_file():
        raise ExportError("No model has been exported yet. `limner export` does it, and so does `limner serve`.")
    catalog = Catalog.load(folder / CATALOG_FILE)
    manifests = {entry.model: Manifest.load(folder / entry.model) for entry in catalog.entries if entry.available}
    rows = []
    for entry in catalog.entries:
        if not entry.available:
            continue
        manifest = manifests[entry.model]
        figures = export_figures(manifest) if manifest else (entry.precision or "", "damaged", "", "")
        network = f"{entry.variant} (custom)" if entry.custom else entry.variant
        rows.append((entry.role, entry.model, network, *figures, entry.source or "", entry.licence or ""))
    print_table(
        ("role", "model", "network", "precision", "MB", "FP32 error", "quality", "weights", "licence"),
        rows,
    )
    print_reasons(manifest for manifest in manifests.values() if manifest)
    click.echo()
    print_table(
        ("role", "model", "why it is not available"),
        [(entry.role, entry.model, entry.reason or "") for entry in catalog.entries if not entry.available],
    )
