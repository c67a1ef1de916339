"""``limner export``: from weights to the models that Triton serves."""

from __future__ import annotations

from pathlib import Path

import click

SEED = 0


@click.command("export")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--all", "every", is_flag=True, help="Every model that Limner knows.")
@click.option(
    "--seeded",
    is_flag=True,
    help="Random weights in the official layout, for tests; needs --output. "
    "With --all, real ones where a package carries them.",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE", help="Your own checkpoint for the one MODEL named."
)
@click.option(
    "--denoise",
    type=float,
    metavar="0-1",
    help="How much noise the one MODEL removes, where it is published with two strengths: realesr_general_x4v3. "
    "Default: 1, the most.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8", "auto"]),
    help="Default: LIMNER_PRECISION, else auto. Holds until the next `limner serve`, which goes by LIMNER_PRECISION.",
)
@click.option(
    "--tensorrt",
    is_flag=True,
    help="Also build TensorRT plans, for this machine's GPU; as with LIMNER_PROFILE=tensorrt.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write; default: the folder that `limner serve` takes models from.",
)
def export(
    models: tuple[str, ...],
    every: bool,
    seeded: bool,
    weights: Path | None,
    denoise: float | None,
    precision: str | None,
    tensorrt: bool,
    output: Path | None,
) -> None:
    """Export models for Triton, checked against PyTorch. MODEL may also be a weight file, such as GFPGANv1.3.

    Without a MODEL, bring every role up to date, as `limner serve` does: what is current is left alone.
    With names, or with --all, these are exported anew.
    """
    if weights is not None and (len(models) != 1 or every or seeded):
        raise click.UsageError("--weights goes with exactly one MODEL, and not with --all or --seeded.")
    if denoise is not None and (len(models) != 1 or every or weights is not None):
        raise click.UsageError("--denoise goes with exactly one MODEL, and not with --all or --weights.")
    if denoise is not None and not 0 <= denoise <= 1:
        raise click.UsageError("--denoise takes a number from 0 (keep the noise) to 1 (remove the most).")
    if seeded and output is None:
        raise click.UsageError("--seeded makes models that give no usable pictures: say where to, with --output DIR.")
    if seeded and not models and not every:
        raise click.UsageError("--seeded needs a MODEL or --all.")

    from cli.tables import print_manifests  # noqa: PLC0415
    from export.models import MODELS  # noqa: PLC0415
    from export.order import Item, Order, carry_out, every_network, item_called  # noqa: PLC0415
    from export.prepare import prepare  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    settings = get_settings()
    if precision is not None:
        settings = settings.model_copy(update={"precision": precision})
    if tensorrt:
        settings = settings.model_copy(update={"profile": "tensorrt"})
    folder = output or settings.models_dir
    if not models and not every and output is None:
        prepare(settings)
        return
    if models:
        items = tuple(item_called(name) for name in models)
    elif seeded:
        items = every_network()
    else:
        items = tuple(Item(spec) for spec in MODELS if every or spec.by_default)
    order = Order(
        items=items,
        folder=folder,
        seed=SEED if seeded else None,
        packaged_first=not models,
        given=weights,
        denoise=denoise,
        lenient=not models,
    )
    print_manifests(carry_out(order, settings))
