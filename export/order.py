"""Exports that somebody asked for by name: anew, from weights of their choice, into a folder of their choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.catalogue import build_catalog
from export.download import Downloader
from export.environment import ensure_export_packages
from export.hashing import HashMemory
from export.manifest import Manifest
from export.models import ModelSpec, check_precision
from export.progress import Reporter
from export.run import export_into
from export.sources import Source
from export.store import ModelStore
from export.weights import HASHES_FILE, WeightsFinder, given_file, seeded
from limner.errors import ChecksumMismatch, WeightsError
from limner.settings import Settings


@dataclass(frozen=True)
class Order:
    """What to export.

    Attributes:
        specs: the models.
        folder: where to; the catalogue there is brought up to date.
        seed: of random weights; None for real ones.
        given: a checkpoint to use for the only model.
        lenient: tell of models without weights and go on, instead of failing.
    """

    specs: tuple[ModelSpec, ...]
    folder: Path
    seed: int | None = None
    given: Path | None = None
    lenient: bool = False


def carry_out(order: Order, settings: Settings, reporter: Reporter | None = None) -> Iterator[Manifest]:
    """Export each model and give its manifest.

    Raises:
        WeightsError: where weights are missing, unless ``lenient``, or wrong, unsafe or another network's.
        ExportError: where an export fails or does not match PyTorch.
    """
    reporter = reporter or Reporter()
    precision = check_precision(settings.precision)
    ensure_export_packages(reporter)
    store = ModelStore(order.folder)
    finder = WeightsFinder(settings)
    problems: dict[str, str] = {}
    with (
        store.lock(waiting=lambda: reporter.line("Another export is running; waiting for it to end.")),
        Downloader(settings, reporter) as downloads,
    ):
        for spec in order.specs:
            try:
                source = _source(order, spec, settings, finder, downloads)
            except ChecksumMismatch:
                raise
            except WeightsError as error:
                if not order.lenient:
                    raise
                problems[spec.name] = error.message
                reporter.line(f"{spec.name} is left out: {error.message}")
                continue
            manifest = export_into(store, spec, source, precision, reporter)
            store.write_catalog(build_catalog(store, settings.weights_dir, problems))
            yield manifest
        store.write_catalog(build_catalog(store, settings.weights_dir, problems))


def _source(order: Order, spec: ModelSpec, settings: Settings, finder: WeightsFinder, downloads: Downloader) -> Source:
    weight = spec.files[0]
    if order.seed is not None:
        return seeded(weight, order.seed)
    if order.given is not None:
        return given_file(order.given, weight, HashMemory(settings.data / HASHES_FILE))
    return finder.obtain(spec, downloads)
