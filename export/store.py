"""The folder of exported models. What stands under a model's name there is whole, or is not there.

A model is written into a folder with a leading dot, which nobody serves, and renamed when it is done. One export
runs at a time; the lock goes with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from export.files import CannotWrite, write_atomically
from export.manifest import Manifest
from limner.catalog import CATALOG_FILE, Catalog, DamagedCatalog

_STAGING = ".staging-"
_REPLACED = ".replaced-"
_LOCK = ".lock"


class ModelStore:
    """``<folder>/<model>/<version>/model.onnx``, ``<folder>/<model>/manifest.json``, ``<folder>/catalog.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self, model: str) -> Manifest | None:
        """The manifest of a model that is there whole; None otherwise."""
        return Manifest.load(self.folder / model)

    def catalog(self) -> Catalog:
        """The catalogue as it was last written; empty where it was not or cannot be read."""
        try:
            return Catalog.load(self.folder / CATALOG_FILE)
        except DamagedCatalog:
            return Catalog()

    def write_catalog(self, catalog: Catalog) -> None:
        """Replace the catalogue; an unchanged one is left alone."""
        if catalog != self.catalog() or not (self.folder / CATALOG_FILE).is_file():
            with _explained():
                write_atomically(self.folder / CATALOG_FILE, catalog.to_json())

    @contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the folder for one export; ``waiting`` is called where another process holds it."""
        with _explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            stream = (self.folder / _LOCK).open("w")
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(stream, fcntl.LOCK_EX)
            self._sweep()
            yield

    @contextmanager
    def staging(self, model: str) -> Iterator[Path]:
        """An empty folder to write ``model`` into; removed with what is left in it. Needs the lock."""
        folder = self.folder / f"{_STAGING}{model}-{os.getpid()}"
        with _explained():
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, staged: Path, model: str) -> None:
        """Put a staged folder in the model's place. Needs the lock."""
        target = self.folder / model
        replaced = self.folder / f"{_REPLACED}{model}-{os.getpid()}"
        with _explained():
            if target.exists():
                target.rename(replaced)
            staged.rename(target)
        shutil.rmtree(replaced, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed exports left; bring back a model whose replacement they did not finish."""
        for leftover in self.folder.glob(f"{_REPLACED}*"):
            model = leftover.name.removeprefix(_REPLACED).rpartition("-")[0]
            if (self.folder / model).exists():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.rename(self.folder / model)
        for leftover in self.folder.glob(f"{_STAGING}*"):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"The folder for exported models cannot be written ({error.strerror}). "
            "Free some room, or set LIMNER_DATA to another folder."
        ) from None
