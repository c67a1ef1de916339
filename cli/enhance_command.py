"""``limner enhance``: photos in, enhanced photos out, with the flags that GFPGAN's users know."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.embedded import stopped_by_sigterm, triton_server
from cli.outputs import OutputPlan, comparison_sheet, find_photos, plan_outputs
from gateway.triton import Enhanced, TritonClient
from limner.errors import FileTooLarge, InvalidOption, LimnerError
from limner.options import OPTION_SPECS, SCALES, Options, parse_options
from limner.settings import Settings, get_settings

_LEVEL_OF_SCALE = {scale: level for level, scale in SCALES.items()}
_RESTORER_OF_VERSION = {
    "1.3": "gfpgan",
    "1.4": "gfpgan",
    "restoreformer": "restoreformer",
    "codeformer": "codeformer",
}
_EXPOSED_ELSEWHERE = {"enhancement_level", "fidelity", "only_center_face", "aligned"}


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for every option that has no flag of GFPGAN's."""
    for spec in reversed([spec for spec in OPTION_SPECS if spec.name not in _EXPOSED_ELSEWHERE]):
        command = click.option(f"--{spec.name}", default=None, metavar=spec.kind.upper(), help=spec.help)(command)
    return command


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="A file for one photo, else a folder.",
)
@click.option(
    "-s",
    "--upscale",
    type=click.Choice(["1", "2", "4", "8"]),
    default="2",
    show_default=True,
    help="Output pixels per input pixel along a side.",
)
@click.option(
    "-v",
    "--version",
    type=click.Choice(list(_RESTORER_OF_VERSION), case_sensitive=False),
    default=None,
    help="Restorer by GFPGAN's names for it; left out: the best that has weights.",
)
@click.option(
    "-w",
    "--weight",
    "fidelity",
    type=float,
    default=0.5,
    show_default=True,
    help="Fidelity, 0 to 1, for restorers that take it.",
)
@click.option("--only_center_face", is_flag=True, help="Restore only the face nearest to the middle.")
@click.option("--aligned", is_flag=True, help="Inputs are aligned face crops.")
@click.option("--suffix", default="", help="Added to the names of results.")
@click.option(
    "--ext",
    type=click.Choice(["auto", "jpg", "png", "webp"]),
    default="auto",
    show_default=True,
    help="Format of the results; auto keeps the input's.",
)
@click.option("--compare", is_flag=True, help="Also write a before/after sheet beside every result.")
@_with_options
def enhance(
    inputs: tuple[Path, ...],
    output: Path,
    upscale: str,
    version: str | None,
    fidelity: float,
    only_center_face: bool,
    aligned: bool,
    suffix: str,
    ext: str,
    compare: bool,
    **others: str | None,
) -> None:
    """Enhance photos, or all photos in folders. A bad photo is named and passed over; the rest are done."""
    if version is not None and others["restorer"] is None:
        others["restorer"] = _RESTORER_OF_VERSION[version.lower()]
    chosen = {name: value for name, value in others.items() if value is not None}
    if ext != "auto":
        chosen["output_format"] = "jpeg" if ext == "jpg" else ext
    options = parse_options(
        {
            "enhancement_level": _LEVEL_OF_SCALE[int(upscale)],
            "fidelity": fidelity,
            "only_center_face": only_center_face,
            "aligned": aligned,
            **chosen,
        }
    )
    photos = find_photos(inputs)
    plan = plan_outputs(photos, output, suffix)
    if plan.file_format is not None:
        if options.output_format not in {"auto", plan.file_format}:
            raise InvalidOption(f"{output} and output_format={options.output_format} contradict each other.")
        options = replace(options, output_format=plan.file_format)

    settings = get_settings()
    with stopped_by_sigterm(), triton_server(settings, lambda line: click.echo(line, err=True)) as url:
        failed = asyncio.run(_enhance_all(url, settings, photos, plan, options, compare=compare))
    if failed:
        click.echo(f"{failed} of {len(photos)} photos failed.", err=True)
        sys.exit(1)


async def _enhance_all(
    url: str, settings: Settings, photos: list[Path], plan: OutputPlan, options: Options, *, compare: bool
) -> int:
    """How many photos failed."""
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    client = TritonClient(url)
    try:
        with Progress(*columns, transient=True) as progress:
            bar = progress.add_task("enhancing", total=len(photos))
            for photo in photos:
                progress.update(bar, description=photo.name)
                try:
                    target, enhanced = await _enhance_one(client, settings, photo, plan, options)
                    if compare:
                        sheet = comparison_sheet(photo.read_bytes(), enhanced.image)
                        target.with_name(f"{target.stem}_compare.png").write_bytes(sheet)
                except (LimnerError, OSError) as error:
                    failed += 1
                    reason = error.message if isinstance(error, LimnerError) else str(error)
                    progress.console.print(f"{photo}: {reason}", markup=False, soft_wrap=True)
                else:
                    progress.console.print(_summary(photo, target, enhanced), markup=False, soft_wrap=True)
                progress.advance(bar)
    finally:
        await client.close()
    return failed


async def _enhance_one(
    client: TritonClient, settings: Settings, photo: Path, plan: OutputPlan, options: Options
) -> tuple[Path, Enhanced]:
    size = photo.stat().st_size
    if size > settings.max_upload_bytes:
        raise FileTooLarge(
            f"The file has {size / 1e6:.1f} MB; at most {settings.max_upload_bytes / 1e6:g} MB are taken. "
            "Save it smaller, or raise LIMNER_MAX_UPLOAD_BYTES."
        )
    enhanced = await client.enhance(photo.read_bytes(), options, request_id="", timeout=settings.task_timeout)
    target = plan.target(photo, enhanced.format)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(enhanced.image)
    return target, enhanced


def _summary(photo: Path, target: Path, enhanced: Enhanced) -> str:
    report = enhanced.report
    size = f"{report['input']['width']}x{report['input']['height']} -> "
    size += f"{report['output']['width']}x{report['output']['height']}"
    faces = len(report["faces"])
    restorer = report["models"]["face_restorer"]
    background = report["models"]["background"]
    restored = restorer["name"] or f"not restored ({restorer['reason']})"
    lines = [
        f"{photo} -> {target}  {size}  {report['milliseconds']['total'] / 1000:.1f} s",
        f"  background: {background.get('variant') or background['name']}; faces found: {faces}, {restored}",
        *(f"  {note}" for note in report["notes"]),
    ]
    return "\n".join(lines)
