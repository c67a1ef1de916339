"""``limner export``: from weights to the models that Triton serves."""

from __future__ import annotations

from pathlib import Path

import click

SEED = 0


@click.command("export")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--all", "every", is_flag=True, help="Every model that this version can export.")
@click.option("--seeded", is_flag=True, help="Random weights in the official layout, for tests; needs --output.")
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE", help="Your own checkpoint for the one MODEL named."
)
@click.option(
    "--precision", type=click.Choice(["fp32", "fp16", "int8", "auto"]), help="Default: LIMNER_PRECISION, else auto."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write; default: the folder that `limner serve` takes models from.",
)
def export(
    models: tuple[str, ...], every: bool, seeded: bool, weights: Path | None, precision: str | None, output: Path | None
) -> None:
    """Export models to ONNX, checked against PyTorch.

    Without a MODEL, bring every role up to date, as `limner serve` does: what is current is left alone.
    With names, or with --all, these are exported anew.
    """
    if weights is not None and (len(models) != 1 or every or seeded):
        raise click.UsageError("--weights goes with exactly one MODEL, and not with --all or --seeded.")
    if seeded and output is None:
        raise click.UsageError("--seeded makes models that give no usable pictures: say where to, with --output DIR.")
    if seeded and not models and not every:
        raise click.UsageError("--seeded needs a MODEL or --all.")

    from export.models import MODELS, check_precision, model_spec  # noqa: PLC0415
    from export.order import Order, carry_out  # noqa: PLC0415
    from export.prepare import prepare  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    settings = get_settings()
    if precision is not None:
        settings = settings.model_copy(update={"precision": precision})
    check_precision(settings.precision)
    folder = output or settings.models_dir
    if not models and not every and output is None:
        prepare(settings)
        return
    specs = tuple(model_spec(name) for name in (models or [spec.name for spec in MODELS if every or spec.by_default]))
    order = Order(specs=specs, folder=folder, seed=SEED if seeded else None, given=weights, lenient=not models)
    for manifest in carry_out(order, settings):
        worst = max(float(str(figure["relative"])) for figure in manifest.parity)
        click.echo(
            f"{manifest.model}\t{manifest.precision}\t{manifest.bytes / 1e6:.1f} MB\t"
            f"largest error {worst:.1e} of the range\t{manifest.source['label']}"
        )
