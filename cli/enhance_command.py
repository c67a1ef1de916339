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
from cli.faces import face_lines
from cli.outputs import OutputPlan, find_photos, plan_outputs, write_together
from gateway.triton import Enhanced, EnhancedFaces, TritonClient
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
_BACKGROUNDS = next(spec.choices for spec in OPTION_SPECS if spec.name == "background")
_EXPOSED_ELSEWHERE = {"enhancement_level", "fidelity", "only_center_face", "aligned"}

_TILES = "Photos are cut into tiles of a size that suits the network; leave it out."
_HINTS = {
    **dict.fromkeys(("--input_path", "--test_path"), "Use -i."),
    **dict.fromkeys(("--output_path", "--save_root"), "Use -o."),
    "--outscale": "Use -s, which takes 1, 2, 4 or 8.",
    **dict.fromkeys(("--fidelity_weight", "--w"), "Use -w."),
    "--has_aligned": "Use --aligned.",
    **dict.fromkeys(("-n", "--model_name"), "Choose the network with --background realesrgan, swinir or lanczos."),
    **dict.fromkeys(("-d", "--denoise_strength"), "`limner export realesr_general_x4v3 --denoise 0.5` takes it."),
    "--model_path": "`limner export MODEL --weights FILE` takes a checkpoint of your own.",
    **dict.fromkeys(("-t", "--tile", "--tile_pad", "--pre_pad"), _TILES),
    "--face_enhance": "Faces are restored anyhow; leave it out. --restorer none leaves them alone.",
    "--fp32": "Set LIMNER_PRECISION=fp32.",
    "--alpha_upsampler": "Transparency is kept, and enlarged bicubically; leave it out.",
    **dict.fromkeys(("-g", "--gpu-id"), "LIMNER_PROFILE=gpu serves on a GPU; docs/gpu.md has the rest."),
    "--draw_box": "The box of each face is told in words; leave it out.",
    "--detection_model": "`limner export retinaface` makes the detector; docs/weights.md names its networks.",
    "--face_upsample": "A restored face is enlarged by no further network; leave it out.",
    "--save_video_fps": "Videos are not taken; cut them into pictures first.",
}
"""What to do instead, by flags of the scripts of GFPGAN, Real-ESRGAN and CodeFormer that are not here."""


class _Command(click.Command):
    """Tells those who paste a command of another project what to do about a flag that is not here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in _HINTS:
                raise
            message = f"No such option {error.option_name!r}. {_HINTS[error.option_name]}"
            raise click.NoSuchOption(error.option_name, message, ctx=ctx) from None


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for every option that has no flag of GFPGAN's."""
    for spec in reversed([spec for spec in OPTION_SPECS if spec.name not in _EXPOSED_ELSEWHERE]):
        command = click.option(f"--{spec.name}", default=None, metavar=spec.kind.upper(), help=spec.help)(command)
    return command


@click.command(cls=_Command)
@click.argument("inputs", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="INPUT...")
@click.option(
    "-i",
    "--input",
    "more_inputs",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A photo or folder, as the arguments; may be repeated.",
)
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
    help="Fidelity: 0 = clearest face, 1 = closest to the input. For codeformer; GFPGAN's clean architecture has no "
    "such weight, and its own script ignores it too.",
)
@click.option("--only_center_face", is_flag=True, help="Restore only the face nearest to the middle.")
@click.option("--aligned", is_flag=True, help="Inputs are aligned face crops.")
@click.option(
    "--bg_upsampler",
    type=click.Choice([*_BACKGROUNDS, "none"], case_sensitive=False),
    default=None,
    help="--background by GFPGAN's name for it; none is lanczos.",
)
@click.option("--bg_tile", type=int, default=None, help="Taken so that GFPGAN's commands run; has no effect.")
@click.option("--suffix", default="", help="Added to the names of results and restored faces.")
@click.option(
    "--ext",
    type=click.Choice(["auto", "jpg", "png", "webp"]),
    default="auto",
    show_default=True,
    help="Format of the results; auto keeps the input's.",
)
@click.option("--compare", is_flag=True, help="Also write a before/after sheet beside every result.")
@click.option("--folders", is_flag=True, help="Also write the faces, as GFPGAN's script does, in folders below -o.")
@_with_options
def enhance(
    inputs: tuple[Path, ...],
    more_inputs: tuple[Path, ...],
    output: Path,
    upscale: str,
    version: str | None,
    fidelity: float,
    only_center_face: bool,
    aligned: bool,
    bg_upsampler: str | None,
    bg_tile: int | None,
    suffix: str,
    ext: str,
    compare: bool,
    folders: bool,
    **others: str | None,
) -> None:
    """Enhance photos, or all photos in folders. A bad photo is named and passed over; the rest are done."""
    if not inputs + more_inputs:
        raise click.UsageError("Name a photo or a folder.")
    values: dict[str, str | int | float | bool | None] = {
        "enhancement_level": _LEVEL_OF_SCALE[int(upscale)],
        "fidelity": fidelity,
        "only_center_face": only_center_face,
        "aligned": aligned,
        "restorer": None if version is None else _RESTORER_OF_VERSION[version.lower()],
        "background": "lanczos" if bg_upsampler == "none" else bg_upsampler,
        **{name: value for name, value in others.items() if value is not None},
        **({} if ext == "auto" else {"output_format": "jpeg" if ext == "jpg" else ext}),
    }
    options = parse_options({name: value for name, value in values.items() if value is not None})
    photos, notices = find_photos(inputs + more_inputs)
    plan = plan_outputs(photos, output, suffix, folders=folders, sheets=compare)
    if plan.file_format is not None:
        if options.output_format not in {"auto", plan.file_format}:
            raise InvalidOption(f"{output} and output_format={options.output_format} contradict each other.")
        options = replace(options, output_format=plan.file_format)
    if bg_tile is not None:
        notices.append(f"--bg_tile has no effect. {_TILES}")
    for notice in notices:
        click.echo(notice, err=True)

    settings = get_settings()
    with stopped_by_sigterm(), triton_server(settings, lambda line: click.echo(line, err=True)) as url:
        failed = asyncio.run(_enhance_all(url, settings, photos, plan, options))
    if failed:
        click.echo(f"{failed} of {len(photos)} photos failed.", err=True)
        sys.exit(1)


async def _enhance_all(url: str, settings: Settings, photos: list[Path], plan: OutputPlan, options: Options) -> int:
    """How many photos failed.

    Raises:
        InvalidOption: the server refuses an option; so it would for every photo.
    """
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    client = TritonClient(url)
    try:
        with Progress(*columns, transient=True) as progress:
            bar = progress.add_task("enhancing", total=len(photos))
            for photo in photos:
                progress.update(bar, description=photo.name)
                try:
                    said = await _enhance_one(client, settings, photo, plan, options)
                except InvalidOption:
                    raise
                except (LimnerError, OSError) as error:
                    failed += 1
                    said = f"{photo}: {error.message if isinstance(error, LimnerError) else error}"
                progress.console.print(said, markup=False, soft_wrap=True)
                progress.advance(bar)
    finally:
        await client.close()
    return failed


async def _enhance_one(
    client: TritonClient, settings: Settings, photo: Path, plan: OutputPlan, options: Options
) -> str:
    """What there is to say of the photo, once all is written."""
    size = photo.stat().st_size
    if size > settings.max_upload_bytes:
        raise FileTooLarge(
            f"The file has {size / 1e6:.1f} MB; at most {settings.max_upload_bytes / 1e6:g} MB are taken. "
            "Save it smaller, or raise LIMNER_MAX_UPLOAD_BYTES."
        )
    before = photo.read_bytes()
    call = client.enhance if plan.faces is None else client.enhance_with_faces
    enhanced = await call(before, options, request_id="", timeout=settings.task_timeout)
    place = plan.place(photo, enhanced.format)
    write_together(plan.files(place, before, enhanced))
    return _summary(photo, place.result, enhanced)


def _summary(photo: Path, target: Path, enhanced: Enhanced) -> str:
    report = enhanced.report
    size = f"{report['input']['width']}x{report['input']['height']} -> "
    size += f"{report['output']['width']}x{report['output']['height']}"
    faces, restorer = len(report["faces"]), report["models"]["face_restorer"]
    background = report["models"]["background"]
    restored = restorer["name"] or f"not restored ({restorer['reason']})"
    lines = [
        f"{photo} -> {target}  {size}  {report['milliseconds']['total'] / 1000:.1f} s",
        f"  background: {background.get('variant') or background['name']}; faces found: {faces}, {restored}",
        *(f"  {line}" for line in [*face_lines(report), *report["notes"]]),
    ]
    if isinstance(enhanced, EnhancedFaces) and not len(enhanced.restored):
        lines.append("  No face was restored, so only the result was written.")
    return "\n".join(lines)
