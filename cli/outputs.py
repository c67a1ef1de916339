"""Which photos a command means, where their results go, and the before/after sheet."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps

from gateway.filenames import EXTENSIONS
from limner.errors import InvalidOption

_FORMAT_OF_SUFFIX = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_GAP = 8


def find_photos(inputs: tuple[Path, ...]) -> list[Path]:
    """The files named, and the photos lying directly in the folders named, in order.

    Raises:
        InvalidOption: there is none.
    """
    photos: list[Path] = []
    for path in inputs:
        if path.is_dir():
            photos += sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _FORMAT_OF_SUFFIX)
        else:
            photos.append(path)
    if not photos:
        raise InvalidOption("The folder holds no JPEG, PNG or WebP photo. Name photos, or a folder that has some.")
    return photos


@dataclass
class OutputPlan:
    """Where results go: to one ``file``, or into ``folder`` under their photos' names.

    ``file_format`` is the format that the file's ending asks for, or None.
    """

    file: Path | None
    folder: Path
    suffix: str
    file_format: str | None = None
    _taken: set[Path] = field(default_factory=set)

    def target(self, photo: Path, file_format: str) -> Path:
        """Path of a photo's result; photos of the same name get numbers, and an ending never lies."""
        ending = f".{EXTENSIONS[file_format]}"
        if self.file is not None:
            fits = _FORMAT_OF_SUFFIX.get(self.file.suffix.lower()) == file_format
            return self.file if fits else self.file.with_suffix(ending)
        stem = photo.stem + (f"_{self.suffix}" if self.suffix else "")
        target, number = self.folder / f"{stem}{ending}", 2
        while target in self._taken:
            target, number = self.folder / f"{stem}_{number}{ending}", number + 1
        self._taken.add(target)
        return target


def plan_outputs(photos: list[Path], output: Path, suffix: str) -> OutputPlan:
    """A file where ``output`` ends like a picture, else a folder.

    Raises:
        InvalidOption: one file is named for several photos.
    """
    file_format = _FORMAT_OF_SUFFIX.get(output.suffix.lower())
    if file_format is None or output.is_dir():
        return OutputPlan(None, output, suffix)
    if len(photos) > 1:
        raise InvalidOption(f"{output} is one file, but there are {len(photos)} photos. Name a folder with -o.")
    return OutputPlan(output, output.parent, suffix, file_format)


def comparison_sheet(before: bytes, after: bytes) -> bytes:
    """A PNG with the input, enlarged without any sharpening, on the left and the result on the right."""
    with Image.open(io.BytesIO(before)) as opened, Image.open(io.BytesIO(after)) as enhanced:
        result = enhanced.convert("RGB")
        source = ImageOps.exif_transpose(opened).convert("RGB").resize(result.size, Image.Resampling.BICUBIC)
        sheet = Image.new("RGB", (2 * result.width + _GAP, result.height), "white")
        sheet.paste(source, (0, 0))
        sheet.paste(result, (result.width + _GAP, 0))
    target = io.BytesIO()
    sheet.save(target, "PNG")
    return target.getvalue()
