"""Which photos a command means, where what is made of them goes, and writing it whole or not at all."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from cli.faces import FACE_FOLDERS, face_files, face_name
from ensemble.decode import decode_photo
from gateway.filenames import EXTENSIONS
from gateway.triton import Enhanced, EnhancedFaces
from limner.errors import InvalidOption

_FORMAT_OF_SUFFIX = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_GAP = 8
_ANY_SIZE = 1 << 62
_NAMED = 5
"""How many files that are passed over are named."""


def find_photos(inputs: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
    """The files named and the photos lying directly in the folders named, in order; a line for each folder with others.

    Hidden files are not looked at.

    Raises:
        InvalidOption: something is named, and there is no photo.
    """
    photos: list[Path] = []
    lines: list[str] = []
    for path in inputs:
        if not path.is_dir():
            photos.append(path)
            continue
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        fitting = [entry for entry in entries if is_picture_name(entry) and not entry.is_dir()]
        others = [entry.name for entry in entries if entry not in set(fitting)]
        photos += fitting
        if others:
            more = ", ..." if len(others) > _NAMED else ""
            lines.append(f"{path}: {len(others)} passed over, no JPEG, PNG or WebP: {', '.join(others[:_NAMED])}{more}")
    if inputs and not photos:
        raise InvalidOption("The folder holds no JPEG, PNG or WebP photo. Name photos, or a folder that has some.")
    return photos, lines


def is_picture_name(path: Path) -> bool:
    """Whether the name ends as that of a result does."""
    return path.suffix.lower() in _FORMAT_OF_SUFFIX


@dataclass(frozen=True)
class Place:
    """Where what is made of one photo goes; ``name`` is that of its faces."""

    result: Path
    name: str

    @property
    def sheet(self) -> Path:
        """The before/after sheet."""
        return self.result.with_name(f"{self.result.stem}_compare.png")


@dataclass
class OutputPlan:
    """Where results go: to one ``file``, or into ``folder`` under their photos' names.

    ``ending`` follows a photo's name: empty, or an underscore and the suffix. ``faces`` is the folder above those of
    the faces, or None where none are written. ``sheets``: whether before/after sheets are. ``file_format`` is the
    format that the file's ending asks for, or None. ``originals``: the photos, :func:`folded`.
    """

    file: Path | None
    folder: Path
    ending: str = ""
    faces: Path | None = None
    sheets: bool = False
    file_format: str | None = None
    originals: frozenset[Path] = frozenset()
    _taken: set[Path] = field(default_factory=set)

    def place(self, photo: Path, file_format: str) -> Place:
        """The place of a photo's result: nothing lies there that another photo made, nor a photo of the input.

        Photos of the same name get numbers, and an ending never lies.
        """
        extension, stem = f".{EXTENSIONS[file_format]}", photo.stem
        if self.file is not None:
            if file_format == self.file_format:
                return Place(self.file, photo.stem)
            stem = self.file.stem  # the result of a.png that was to be a.jpg must not replace a.png
        name, number = stem, 2
        while not self._claim(place := Place(self.folder / f"{name}{self.ending}{extension}", name)):
            name, number = f"{stem}_{number}", number + 1
        return place

    def files(self, place: Place, before: bytes, enhanced: Enhanced) -> Iterator[tuple[Path, bytes]]:
        """All that is written for the photo ``before``; its result comes last: where that is, the rest is."""
        if self.faces is not None and isinstance(enhanced, EnhancedFaces):
            yield from face_files(self.faces, place.name, self.ending, enhanced.cropped, enhanced.restored)
        if self.sheets:
            yield place.sheet, comparison_sheet(before, enhanced.image)
        yield place.result, enhanced.image

    def _claim(self, place: Place) -> bool:
        """Whether all that is written for a photo is free; then it no longer is."""
        wanted = {place.result, place.sheet} if self.sheets else {place.result}
        if self.faces is not None:
            wanted |= {self.faces / folder / face_name(place.name, 0) for folder in FACE_FOLDERS}
        places = {folded(path) for path in wanted}
        if places & self._taken or places & self.originals:
            return False
        self._taken |= places
        return True

    def folders(self) -> list[Path]:
        """All that something is written to."""
        faces = [] if self.faces is None else [self.faces / name for name in FACE_FOLDERS]
        return [self.folder, *faces]


def folded(path: Path) -> Path:
    """The same for all spellings of a file's path: some file systems take X.JPG and x.jpg for one."""
    return Path(str(path.resolve()).casefold())


def name_ending(suffix: str) -> str:
    """What follows a photo's name: empty, or an underscore and ``suffix``.

    Raises:
        InvalidOption: it is no part of a name.
    """
    if "/" in suffix:
        raise InvalidOption(f"The suffix {suffix!r} would lead to another folder. Name that with -o.")
    return f"_{suffix}" if suffix else ""


def plan_outputs(
    photos: list[Path], output: Path, suffix: str, *, folders: bool = False, sheets: bool = False
) -> OutputPlan:
    """A file where ``output`` ends like a picture, else a folder; ``folders`` are those of GFPGAN's script, below it.

    Raises:
        InvalidOption: one file is named for what needs a folder, or ``suffix`` is no part of a name.
    """
    ending = name_ending(suffix)
    originals = frozenset(folded(photo) for photo in photos)
    file_format = _FORMAT_OF_SUFFIX.get(output.suffix.lower())
    if file_format is None or output.is_dir():
        if folders:
            return OutputPlan(None, output / "restored_imgs", ending, output, sheets, originals=originals)
        return OutputPlan(None, output, ending, sheets=sheets, originals=originals)
    if folders:
        raise InvalidOption(f"{output} is one file, but --folders writes several. Name a folder with -o.")
    if len(photos) > 1:
        raise InvalidOption(f"{output} is one file, but there are {len(photos)} photos. Name a folder with -o.")
    if sheets and folded(sheet := Place(output, "").sheet) in originals:
        raise InvalidOption(f"The sheet of {output} would replace the photo {sheet}. Name another file with -o.")
    return OutputPlan(output, output.parent, sheets=sheets, file_format=file_format, originals=originals)


def write_together(files: Iterable[tuple[Path, bytes]]) -> None:
    """Write ``files``, with their folders; each is there whole or not at all.

    All are written beside their places under passing names and get their own ones, in order, once the last is on
    disk: an error or Ctrl-C until then leaves nothing, and replaces nothing.

    Raises:
        OSError: as the file system says, when the disk is full for one.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for target, content in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".limner-{secrets.token_hex(8)}.part")
            waiting.append((part, target))
            part.write_bytes(content)
        for part, target in waiting:
            part.replace(target)
    finally:
        for part, _ in waiting:
            part.unlink(missing_ok=True)


def comparison_sheet(before: bytes, after: bytes) -> bytes:
    """A PNG with the input, enlarged without any sharpening, on the left and the result on the right."""
    # Read as the server reads them: Pillow alone shows 16-bit gray white, and refuses a good photo for odd metadata.
    source, result = (Image.fromarray(decode_photo(data, _ANY_SIZE).pixels) for data in (before, after))
    sheet = Image.new("RGB", (2 * result.width + _GAP, result.height), "white")
    sheet.paste(source.resize(result.size, Image.Resampling.BICUBIC), (0, 0))
    sheet.paste(result, (result.width + _GAP, 0))
    target = io.BytesIO()
    sheet.save(target, "PNG")
    return target.getvalue()
