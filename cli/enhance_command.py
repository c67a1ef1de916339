"""``limner enhance``: photos in, enhanced photos out, with the flags that GFPGAN's users know."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from cli.archives import is_archive, plan_archives
from cli.embedded import stopped_by_sigterm, triton_server
from cli.other_scripts import TILES, HintingCommand
from cli.outputs import OutputPlan, find_photos, name_ending, plan_outputs
from cli.photo_run import Tell, enhance_photos
from cli.remote import enhance_remotely, plain_key_notice
from cli.writable import require_writable
from gateway.triton import Enhanced, TritonClient
from limner.errors import FileTooLarge, InvalidOption
from limner.options import OPTION_SPECS, SCALES, Options, parse_options
from limner.settings import get_settings

_LEVEL_OF_SCALE = {scale: level for level, scale in SCALES.items()}
_RESTORER_OF_VERSION = {
    "1.3": "gfpgan",
    "1.4": "gfpgan",
    "restoreformer": "restoreformer",
    "codeformer": "codeformer",
}
_BACKGROUNDS = next(spec.choices for spec in OPTION_SPECS if spec.name == "background")
_EXPOSED_ELSEWHERE = {"enhancement_level", "fidelity", "only_center_face", "aligned"}


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for every option that has no flag of GFPGAN's."""
    for spec in reversed([spec for spec in OPTION_SPECS if spec.name not in _EXPOSED_ELSEWHERE]):
        command = click.option(f"--{spec.name}", default=None, metavar=spec.kind.upper(), help=spec.help)(command)
    return command


@click.command(cls=HintingCommand)
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
@click.option(
    "--server",
    metavar="URL",
    envvar="LIMNER_SERVER",
    default=None,
    help="Send photos, ZIPs and RARs to a running Limner, as http://127.0.0.1:8000; its key is in LIMNER_API_KEY.",
)
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
    server: str | None,
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
    if server and folders:
        raise InvalidOption(
            "--folders needs the faces one by one, which the HTTP API does not give. Leave it or --server out."
        )
    given = inputs + more_inputs
    archives = [path for path in given if server and is_archive(path)]
    photos, notices = find_photos(tuple(path for path in given if path not in archives))
    plan = plan_outputs(photos, output, suffix, folders=folders, sheets=compare)
    targets = plan_archives(archives, output, name_ending(suffix), others=len(photos))
    if plan.file_format is not None:
        if options.output_format not in {"auto", plan.file_format}:
            raise InvalidOption(f"{output} and output_format={options.output_format} contradict each other.")
        options = replace(options, output_format=plan.file_format)
    if bg_tile is not None:
        notices.append(f"--bg_tile has no effect. {TILES}")
    if suffix and output in {plan.file, *(target for _, target in targets)}:
        notices.append("--suffix has no effect, for -o names the file.")
    if compare and archives:
        notices.append("--compare makes no sheets of photos in archives.")
    for notice in [*notices, *(plain_key_notice(server) if server else [])]:
        click.echo(notice, err=True)
    for folder in [*(plan.folders() if photos else []), *(target.parent for _, target in targets)]:
        require_writable(folder)

    with stopped_by_sigterm():
        if server:
            failed, total = asyncio.run(enhance_remotely(server, photos, plan, targets, options))
        else:
            failed, total = _enhance_here(photos, plan, options), len(photos)
    if failed:
        click.echo(f"{failed} of {total} photos failed.", err=True)
        sys.exit(1)


def _enhance_here(photos: list[Path], plan: OutputPlan, options: Options) -> int:
    """With the Triton server that settings name, or one of its own; how many photos failed."""
    settings = get_settings()

    async def enhance_all(url: str) -> int:
        client = TritonClient(url)
        call = client.enhance if plan.faces is None else client.enhance_with_faces

        async def enhance_one(photo: Path, tell: Tell) -> Enhanced:
            del tell  # Triton says nothing before it is done
            _check_size(photo, settings.max_upload_bytes)
            return await call(photo.read_bytes(), options, request_id="", timeout=settings.task_timeout)

        try:
            return await enhance_photos(photos, plan, enhance_one)
        finally:
            await client.close()

    with triton_server(settings, lambda line: click.echo(line, err=True)) as url:
        return asyncio.run(enhance_all(url))


def _check_size(photo: Path, limit: int) -> None:
    size = photo.stat().st_size
    if size > limit:
        raise FileTooLarge(
            f"The file has {size / 1e6:.1f} MB; at most {limit / 1e6:g} MB are taken. "
            "Save it smaller, or raise LIMNER_MAX_UPLOAD_BYTES."
        )
