"""Exports that somebody asked for by name: anew, from weights of their choice, into a folder of their choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from export.catalogue import build_catalog
from export.download import Downloader
from export.environment import ensure_export_packages
from export.hashing import HashMemory
from export.kept import kept_export
from export.manifest import Manifest
from export.models import MODELS, ModelSpec, model_spec
from export.precisions import aim_of, check_servable
from export.progress import Reporter
from export.registry import WEIGHTS, WeightFile
from export.run import export_into
from export.sources import Source
from export.store import ModelStore
from export.weights import HASHES_FILE, WeightsFinder, given_file, seeded, with_denoise
from limner.errors import ChecksumMismatch, WeightsError
from limner.settings import Settings


@dataclass(frozen=True)
class Item:
    """One export: a model, and the published file to fill it with; None: the best that can be had."""

    spec: ModelSpec
    weight: WeightFile | None = None


@dataclass(frozen=True)
class Order:
    """What to export.

    Attributes:
        items: in this order; a later one of the same model replaces an earlier one.
        folder: where to; the catalogue there is brought up to date.
        seed: of random weights; None for real ones.
        packaged_first: with a seed, real weights all the same where an installed package carries them.
        given: a checkpoint to use for the only item.
        denoise: share of the file that removes much noise in a blend of two, 0 to 1; None: no blend. Not with
            ``given``.
        lenient: tell of models without weights and go on, instead of failing.
    """

    items: tuple[Item, ...]
    folder: Path
    seed: int | None = None
    packaged_first: bool = False
    given: Path | None = None
    denoise: float | None = None
    lenient: bool = False


def item_called(name: str) -> Item:
    """The model ``name``, or the one that the weight file ``name`` (with or without its suffix) belongs to.

    Raises:
        ExportError: where nothing has that name.
    """
    for weight in WEIGHTS:
        if name in (weight.file, weight.variant) and name != weight.model:
            return Item(model_spec(weight.model), weight)
    return Item(model_spec(name))


def every_network() -> tuple[Item, ...]:
    """One item for each network of each model; the one that a package carries, or the best, comes last and stays."""
    items: list[Item] = []
    for spec in MODELS:
        networks = {weight.architecture: weight for weight in reversed(spec.files)}
        items += sorted(
            (Item(spec, weight) for weight in networks.values()),
            key=lambda item: bool(item.weight and item.spec.packaged_source(item.weight.file)),
        )
    return tuple(items)


def carry_out(order: Order, settings: Settings, reporter: Reporter | None = None) -> Iterator[Manifest]:
    """Export each item and give its manifest.

    Raises:
        WeightsError: where weights are missing, unless ``lenient``, or wrong, unsafe or another network's.
        ExportError: where an export fails or does not match its source.
        SettingsError: where the precision does not go with the profile that the folder is served with.
    """
    reporter = reporter or Reporter()
    if order.folder == settings.models_dir:
        check_servable(settings)
    ensure_export_packages(reporter)
    store = ModelStore(order.folder)
    finder = WeightsFinder(settings)
    problems: dict[str, str] = {}
    with (
        store.lock(waiting=lambda: reporter.line("Another export is running; waiting for it to end.")),
        Downloader(settings, reporter) as downloads,
    ):
        for item in order.items:
            try:
                source = _source(order, item, settings, finder, downloads)
            except ChecksumMismatch:
                raise
            except WeightsError as error:
                if not order.lenient:
                    raise
                if kept_export(item.spec, store, settings.profile) is None:
                    problems[item.spec.name] = error.message
                reporter.line(f"{item.spec.name} is left out: {error.message}")
                continue
            manifest = export_into(store, item.spec, source, aim_of(settings, item.spec.precisions), reporter)
            store.write_catalog(build_catalog(store, problems))
            yield manifest
        store.write_catalog(build_catalog(store, problems))


def _source(order: Order, item: Item, settings: Settings, finder: WeightsFinder, downloads: Downloader) -> Source:
    weight = item.weight or item.spec.files[0]
    if order.denoise is not None:
        parts = replace(order, denoise=None)
        # Equal random weights would make a blend that cannot be told from either.
        other = parts if parts.seed is None else replace(parts, seed=parts.seed + 1)

        def find(wanted: WeightFile) -> Source:
            order_of_one = parts if wanted == weight else other
            source = _source(order_of_one, Item(item.spec, wanted), settings, finder, downloads)
            return replace(source, chosen=False)  # a blend stays by itself

        return with_denoise(weight, order.denoise, find)
    if order.seed is not None:
        packaged = finder.packaged(item.spec, weight) if order.packaged_first else None
        return packaged or seeded(weight, order.seed)
    if order.given is not None:
        return given_file(order.given, item.spec.files, weight, HashMemory(settings.data / HASHES_FILE))
    return replace(finder.obtain(item.spec, downloads, only=item.weight), chosen=item.weight is not None)
