"""Finds the weights for a model: on disk, at an official address, in an installed package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from export.blend import weak_denoiser
from export.download import Downloader
from export.hashing import HashMemory
from export.models import ModelSpec
from export.packaged import PACKAGED
from export.registry import WeightFile, weight_file
from export.sources import Source
from limner.errors import ChecksumMismatch, DownloadFailed, WeightsError
from limner.settings import Settings

HASHES_FILE = "hashes.json"


class WeightsFinder:
    """Looks for weights in the order that the settings give. Imports no PyTorch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hashes = HashMemory(settings.data / HASHES_FILE)

    def on_disk(self, weight: WeightFile) -> Source | None:
        """The file in ``LIMNER_WEIGHTS``; None where it is not there.

        Raises:
            ChecksumMismatch: where it is not the published file and ``LIMNER_CUSTOM_WEIGHTS`` is not set.
        """
        path = self._settings.weights_dir / weight.file
        if not path.is_file():
            return None
        digest = _digest(self._hashes, path)
        if digest == weight.sha256:
            return Source("official", weight.file, digest, weight.file, path=str(path))
        if self._settings.custom_weights:
            return Source("custom", weight.file, digest, weight.file, path=str(path))
        raise ChecksumMismatch(
            f"{weight.file} in LIMNER_WEIGHTS is not the published file (its sha256 begins {digest[:12]}, "
            f"not {weight.sha256[:12]}). Delete it to have it fetched again; if it is your own checkpoint, set "
            "LIMNER_CUSTOM_WEIGHTS=1."
        )

    def packaged(self, spec: ModelSpec, weight: WeightFile) -> Source | None:
        """The same weights in an installed package; None where there is no such package or it is not installed."""
        name = spec.packaged_source(weight.file)
        if name is None or PACKAGED[name].version is None:
            return None
        package = PACKAGED[name]
        return Source("packaged", package.label, self._hashes.sha256(package.paths()[0]), weight.file, package=name)

    def local(self, spec: ModelSpec, only: WeightFile | None = None) -> Source | None:
        """The best weights that are there without a download: a file before a package.

        Raises:
            ChecksumMismatch: as :meth:`on_disk`.
        """
        files = (only,) if only is not None else spec.files
        found = (self.on_disk(weight) for weight in files)
        carried = (self.packaged(spec, weight) for weight in files)
        return next((source for source in (*found, *carried) if source is not None), None)

    def obtain(self, spec: ModelSpec, downloads: Downloader, only: WeightFile | None = None) -> Source:
        """The best weights that can be had: file by file on disk or downloaded, else out of a package.

        Args:
            spec: the model to fill.
            downloads: fetches files; one that is for those who ask for it is not fetched here.
            only: the file to look for; None: all of the model's, best first.

        Raises:
            ChecksumMismatch: as :meth:`on_disk`.
            DownloadFailed: where there are none; the message is one sentence that says why and what to do.
            WeightsError: where the file must be asked for.
        """
        failure: WeightsError | None = None
        for weight in (only,) if only is not None else spec.files:
            source = self.on_disk(weight)
            if source is None:
                try:
                    _check_consent(weight)
                    downloads.fetch(weight)
                except (DownloadFailed, WeightsError) as error:
                    failure = failure or error
                    continue
                source = self.on_disk(weight)
            if source is not None:
                return source
        source = self.local(spec, only)
        if source is None:
            raise failure or WeightsError(f"There are no weights for {spec.name}.")
        return source

    def given_again(self, exported: Source) -> Source:
        """The checkpoint that was given by hand for an export, as it is now.

        Raises:
            WeightsError: where it is gone; the official weights do not take its place unasked.
        """
        weight = weight_file(exported.file)
        if exported.path is None or not Path(exported.path).is_file():
            raise WeightsError(
                f"{exported.label}, which {weight.model} was exported from, is gone. Give it again with limner export "
                f"{weight.model} --weights FILE, or go back to the published weights with limner export {weight.model}."
            )
        return given_file(Path(exported.path), (weight,), weight, self._hashes)


def _digest(hashes: HashMemory, path: Path) -> str:
    try:
        return hashes.sha256(path)
    except OSError as error:
        raise WeightsError(
            f"{path.name} cannot be read ({error.strerror}). Give this user the right to read it, or delete it."
        ) from None


def _check_consent(weight: WeightFile) -> None:
    if weight.on_request:
        raise WeightsError(
            f"{weight.file} is fetched only when asked for ({weight.licence}): "
            f"limner weights pull {weight.model} --accept-licence."
        )


def given_file(path: Path, files: Sequence[WeightFile], default: WeightFile, hashes: HashMemory) -> Source:
    """Somebody's own checkpoint for one of the networks of ``files``; a published file under any name is official.

    Args:
        path: the checkpoint.
        files: the published files of the model, which name its networks.
        default: the one to try first where neither content nor name tells.
        hashes: remembers digests.

    Raises:
        WeightsError: where there is no such file.
    """
    if not path.is_file():
        raise WeightsError(f"{path.name} does not exist or is no file. Give the path of a checkpoint.")
    digest = _digest(hashes, path)
    for weight in files:
        if digest == weight.sha256:
            return Source("official", path.name, digest, weight.file, path=str(path.resolve()))
    named = next((weight for weight in files if weight.file == path.name), default)
    return Source("given", path.name, digest, named.file, path=str(path.resolve()))


def seeded(weight: WeightFile, seed: int) -> Source:
    """Random weights for the network of ``weight``."""
    digest = hashlib.sha256(f"limner seed {seed}".encode()).hexdigest()
    return Source("seeded", f"seeded weights (seed {seed})", digest, weight.file, seed=seed)


def with_denoise(weight: WeightFile, denoise: float, find: Callable[[WeightFile], Source]) -> Source:
    """The weights of ``weight``, blended with those that remove little noise.

    Args:
        weight: the file that removes much noise.
        denoise: its share, 0 to 1; with 1 the other file is not needed.
        find: gives the weights of a published file.

    Raises:
        WeightsError: where there is no other file, or as ``find``.
    """
    weak = weight_file(weak_denoiser(weight.file))
    source = find(weight)
    return source if denoise == 1 else source.blended(find(weak), denoise)
