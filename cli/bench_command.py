"""``limner bench``: Limner against what a user could pick instead, on this machine."""

from __future__ import annotations

import click


@click.command("bench")
@click.option("--short", is_flag=True, help="A small photo, without upstream: two minutes at most, nothing is written.")
@click.option("--only", default="", metavar="NAME", help="Only the cases whose name begins so, such as 248x320.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds of each case, instead of its own.")
def bench(short: bool, only: str, rounds: int | None) -> None:
    """Measure the whole pipeline against upstream and plain ONNX Runtime: same photos, same weights, one run.

    Writes perf/results/bench.json, bench.md and bench.svg. Needs what `make bench` installs.
    """
    try:
        from perf.bench.__main__ import main  # noqa: PLC0415 - it needs packages that serving does without
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"The package {error.name} is missing; `make bench` installs what is needed."
        ) from None

    arguments = ["--short"] if short else []
    arguments += ["--only", only] if only else []
    arguments += ["--rounds", str(rounds)] if rounds else []
    main(arguments)
