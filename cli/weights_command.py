"""``limner weights``: what weight files there are, and fetching them."""

from __future__ import annotations

import click


@click.group("weights")
def weights() -> None:
    """List and fetch published weight files."""


@weights.command("list")
def list_weights() -> None:
    """Every published file that Limner knows: size, licence, whether it is on disk."""
    from cli.tables import print_table  # noqa: PLC0415
    from export.registry import WEIGHTS  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    folder = get_settings().weights_dir
    click.echo(f"Weights in {folder}:")
    print_table(
        ("file", "model", "MB", "on disk", "licence"),
        [
            (
                weight.file,
                weight.model,
                f"{weight.size / 1e6:.1f}",
                "yes" if (folder / weight.file).is_file() else "no",
                f"{weight.licence} [non-commercial]" if weight.non_commercial else weight.licence,
            )
            for weight in WEIGHTS
        ],
    )


@weights.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--accept-licence", is_flag=True, help="You have read and accept the licence of weights that ask for it.")
def pull(names: tuple[str, ...], accept_licence: bool) -> None:
    """Fetch files by file or model name; without a name, those that `limner serve` uses."""
    from export.download import Downloader  # noqa: PLC0415
    from export.models import MODELS  # noqa: PLC0415
    from export.progress import Reporter  # noqa: PLC0415
    from export.registry import weight_files  # noqa: PLC0415
    from export.weights import WeightsFinder  # noqa: PLC0415
    from limner.errors import WeightsError  # noqa: PLC0415
    from limner.settings import get_settings  # noqa: PLC0415

    settings = get_settings()
    if names:
        wanted = [weight for name in names for weight in weight_files(name)]
    else:
        wanted = [weight for spec in MODELS if spec.by_default for weight in spec.files[:1]]
    for weight in wanted:
        if weight.on_request and not accept_licence:
            raise WeightsError(
                f"{weight.file} may not be used commercially ({weight.licence}). "
                "Read its licence; if you accept it, add --accept-licence."
            )
    reporter = Reporter()
    finder = WeightsFinder(settings)
    with Downloader(settings, reporter) as downloads:
        for weight in wanted:
            if weight.non_commercial:
                reporter.line(f"{weight.file} is for non-commercial use: {weight.licence}.")
            if finder.on_disk(weight) is None:
                downloads.fetch(weight)
            reporter.line(f"{weight.file}: on disk")
