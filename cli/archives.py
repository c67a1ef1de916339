"""Archives of photos: which files are some, where their results go, and what became of the photos in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from cli.outputs import folded, is_picture_name
from limner.client.answers import printable
from limner.errors import InvalidOption

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07")
_REPORT = "report.json"
_ENDING = ".zip"
_MOST_LINES = 20


def is_archive(path: Path) -> bool:
    """Whether the file begins as a ZIP or RAR does, whatever its name."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8).startswith(_MAGIC)


def plan_archives(archives: Sequence[Path], output: Path, ending: str, others: int) -> list[tuple[Path, Path]]:
    """Each archive with the file of its result: ``output`` where that is a .zip, else ``NAME_enhanced.zip`` in it.

    Names that are taken get numbers; an archive of the input is never replaced, unless ``output`` names it.

    Args:
        archives: the archives.
        output: a file or a folder.
        ending: empty, or an underscore and a suffix.
        others: how many photos there are beside them.

    Raises:
        InvalidOption: one file is named for what needs a folder.
    """
    if not archives:
        return []
    if not output.is_dir():
        if is_picture_name(output):
            raise InvalidOption(f"{output} is a picture, but an archive gives a ZIP. Name a .zip or a folder with -o.")
        if output.suffix.lower() == _ENDING:
            if len(archives) + others > 1:
                raise InvalidOption(
                    f"{output} is one file, but there are {len(archives) + others} inputs. Name a folder with -o."
                )
            return [(archives[0], output)]
    taken = {folded(archive) for archive in archives}
    plan = []
    for archive in archives:
        name, number = f"{archive.stem}_enhanced", 2
        while folded(target := output / f"{name}{ending}{_ENDING}") in taken:
            name, number = f"{archive.stem}_enhanced_{number}", number + 1
        taken.add(folded(target))
        plan.append((archive, target))
    return plan


def failures(result: Path) -> Iterator[str]:
    """A line for each photo that failed, by the report in the ZIP; of many for the first twenty."""
    try:
        with ZipFile(result) as archive:
            photos = json.loads(archive.read(_REPORT))["photos"]
        failed = [(photo["name"], photo["error"]["message"]) for photo in photos if photo["status"] == "failed"]
    except (BadZipFile, KeyError, TypeError, ValueError):
        yield f"its {_REPORT} cannot be read"
        return
    for name, message in failed[:_MOST_LINES]:
        yield f"{printable(str(name))}: {printable(str(message))}"
    if len(failed) > _MOST_LINES:
        yield f"and {len(failed) - _MOST_LINES} more; {_REPORT} in the ZIP names all"
