"""The exported models, with others from another folder beside or instead of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.catalogue import build_catalog
from export.manifest import Manifest
from export.sources import Source
from export.store import ModelStore
from limner.settings import Settings


@contextmanager
def settings_with(models: Path | None) -> Iterator[Settings]:
    """Settings of a server that has the models of ``models``, and of the usual folder those that it lacks.

    ``models`` is a folder that ``limner export --output`` filled; None leaves the usual settings.
    """
    usual = Settings(canary_interval=3600)  # a canary's work would be counted as a photo's
    if models is None:
        yield usual
        return
    with tempfile.TemporaryDirectory(prefix="limner-cost-") as folder:
        settings = usual.model_copy(update={"data": Path(folder)})
        settings.models_dir.mkdir()
        for source in (models.resolve(), usual.models_dir):
            for model in source.iterdir():
                link = settings.models_dir / model.name
                if Manifest.load(model) is not None and not link.exists():
                    link.symlink_to(model)
        store = ModelStore(settings.models_dir)
        store.write_catalog(build_catalog(store, {}))
        yield settings


def random_weights(models: Path) -> dict[str, str]:
    """Which of the exported models have random weights, and why these are not in the precision aimed at, if so."""
    manifests = [manifest for folder in sorted(models.iterdir()) if (manifest := Manifest.load(folder))]
    return {
        manifest.model: manifest.precision_reason or ""
        for manifest in manifests
        if Source.from_manifest(manifest.source).kind == "seeded"
    }
