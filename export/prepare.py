"""Brings the exported models up to date with weights, tools and settings, and writes the catalogue.

A run in which everything is current reads a few small files and imports neither PyTorch nor ONNX.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from export.blend import WEAK_DENOISERS
from export.catalogue import build_catalog
from export.download import Downloader
from export.environment import ensure_export_packages
from export.files import CannotWrite
from export.fingerprint import is_current
from export.kept import kept_export, told_of
from export.models import MODELS, ModelSpec, model_spec
from export.precisions import aim_of, check_servable
from export.progress import Reporter
from export.registry import weight_file
from export.run import export_into
from export.sources import Source
from export.store import ModelStore
from export.weights import WeightsFinder, with_denoise
from limner.catalog import Catalog, Role
from limner.errors import CheckpointMismatch, ChecksumMismatch, ExportError, WeightsError
from limner.settings import Settings

_USEFUL: tuple[Role, ...] = ("face_restorer", "background")
"""Without any of these no photo becomes better."""

_ONLY_BLENDED = frozenset(WEAK_DENOISERS.values())


def prepare(settings: Settings, *, models: Iterable[str] | None = None, reporter: Reporter | None = None) -> Catalog:
    """Export what is missing or out of date, for every role that this version has a network for.

    Args:
        settings: where weights, mirrors and models are, and the precision.
        models: names of the models to look after; None: those exported by default, those that are there already and
            those whose file is in ``LIMNER_WEIGHTS``.
        reporter: told what is going on.

    Returns:
        The catalogue, as written to ``<models_dir>/catalog.json``. A role without weights, or whose export fails, is
        unavailable in it, with the reason, unless an older export of it can still be served.

    Raises:
        WeightsError: where a weight file is there but wrong, unsafe or another network's.
        CannotWrite: where the disk is full.
        ExportError: where the export of somebody's own weights fails, or one fails and nothing useful is left, or a
            model is unknown.
        SettingsError: where the precision does not go with the profile.
    """
    reporter = reporter or Reporter()
    check_servable(settings)
    store = ModelStore(settings.models_dir)
    specs = [model_spec(name) for name in models] if models is not None else _looked_after(settings, store)
    finder = WeightsFinder(settings)
    problems: dict[str, str] = {}
    if _stale(specs, store, finder, settings):
        with store.lock(waiting=lambda: reporter.line("Another export is running; waiting for it to end.")):
            problems = _bring_up_to_date(settings, specs, store, reporter)
    catalog = build_catalog(store, problems)
    store.write_catalog(catalog)
    return catalog


def _bring_up_to_date(
    settings: Settings, specs: list[ModelSpec], store: ModelStore, reporter: Reporter
) -> dict[str, str]:
    """Export stale models; why those that are not there could not be, by model name."""
    finder = WeightsFinder(settings)
    stale = _stale(specs, store, finder, settings)
    if not stale:
        return {}
    update = _Update(settings, store, finder, reporter)
    try:
        ensure_export_packages(reporter)
    except ExportError as error:
        update.failure = error
        for spec in stale:
            update.do_without(spec, error)
    else:
        with Downloader(settings, reporter) as downloads:
            for spec in stale:
                update.export(spec, downloads)
    if update.failure is not None and not any(map(build_catalog(store, update.problems).available, _USEFUL)):
        raise update.failure
    return update.problems


class _Update:
    """Exports models one after the other; one that fails costs its own role alone.

    Attributes:
        problems: why models are not there, by name.
        failure: the last export that failed.
    """

    def __init__(self, settings: Settings, store: ModelStore, finder: WeightsFinder, reporter: Reporter) -> None:
        self._settings = settings
        self._store = store
        self._finder = finder
        self._reporter = reporter
        self.problems: dict[str, str] = {}
        self.failure: ExportError | None = None

    def export(self, spec: ModelSpec, downloads: Downloader) -> None:
        try:
            source = _obtain(spec, self._store, self._finder, downloads)
        except ChecksumMismatch:
            raise
        except WeightsError as error:
            self.do_without(spec, error)
            return
        try:
            export_into(self._store, spec, source, aim_of(self._settings, spec.precisions), self._reporter)
        except CannotWrite:
            raise
        except (CheckpointMismatch, ExportError) as error:
            if source.custom:
                raise
            # The published bytes are right, so the fault is Limner's or this machine's; the other roles need not
            # suffer for it.
            self.do_without(spec, error)
            self.failure = error if isinstance(error, ExportError) else self.failure

    def do_without(self, spec: ModelSpec, error: WeightsError | ExportError) -> None:
        """Go on with an older export that can still be served, or with none."""
        kept = kept_export(spec, self._store, self._settings.profile)
        if kept is not None:
            self._reporter.line(told_of(kept, error.message))
            return
        self.problems[spec.name] = error.message
        self._reporter.line(f"{spec.name} is switched off: {error.message}")


def _obtain(spec: ModelSpec, store: ModelStore, finder: WeightsFinder, downloads: Downloader) -> Source:
    """The best weights that can be had.

    Where the export that is there was made of a checkpoint given by hand, that one again; where it is a blend, blended
    with the same share.

    Raises:
        WeightsError: where there are none, or the checkpoint given by hand is gone.
    """
    manifest = store.manifest(spec.name)
    exported = Source.from_manifest(manifest.source) if manifest is not None else None
    if exported is not None and exported.kind == "given":
        return finder.given_again(exported)
    if exported is None or exported.second is None:
        only = weight_file(exported.file) if exported is not None and exported.chosen else None
        return replace(finder.obtain(spec, downloads, only=only), chosen=only is not None)
    return with_denoise(
        weight_file(exported.file), exported.denoise, lambda weight: finder.obtain(spec, downloads, only=weight)
    )


def _looked_after(settings: Settings, store: ModelStore) -> list[ModelSpec]:
    """Those exported by default, those that are there, and those whose file is.

    A file that others are blended with is there for their sake.
    """
    return [
        spec
        for spec in MODELS
        if spec.by_default
        or store.manifest(spec.name) is not None
        or any(
            (settings.weights_dir / weight.file).is_file() for weight in spec.files if weight.file not in _ONLY_BLENDED
        )
    ]


def _stale(specs: list[ModelSpec], store: ModelStore, finder: WeightsFinder, settings: Settings) -> list[ModelSpec]:
    return [spec for spec in specs if not _is_current(spec, store, finder, settings)]


def _is_current(spec: ModelSpec, store: ModelStore, finder: WeightsFinder, settings: Settings) -> bool:
    manifest = store.manifest(spec.name)
    if manifest is None:
        return False
    source = _wanted(spec, Source.from_manifest(manifest.source), finder)
    return source is not None and is_current(manifest, source, aim_of(settings, spec.precisions))


def _wanted(spec: ModelSpec, exported: Source, finder: WeightsFinder) -> Source | None:
    """What the model should be made of, without a look at the network; None where that takes one.

    A checkpoint that was given by hand stays, and so do a blend and a file that were asked for. So does the export of a
    published file that was deleted since, and that of a package that is not installed any more: serving needs neither.
    """
    if exported.kind == "given" or exported.second is not None:
        return exported
    if exported.chosen:
        found = finder.on_disk(weight_file(exported.file))
        return replace(found, chosen=True) if found is not None else exported
    for weight in spec.files:
        if (found := finder.on_disk(weight)) is not None:
            return found
        if exported.kind == "official" and exported.file == weight.file:
            return exported
    local = finder.local(spec)
    if local is None and exported.kind == "packaged":
        return exported
    return local
