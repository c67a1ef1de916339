"""The catalogue of all models: those exported, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from export.models import MODELS, ModelSpec
from export.registry import WEIGHTS, WeightFile
from export.store import ModelStore
from limner.catalog import ROLES, Catalog, CatalogEntry


def build_catalog(store: ModelStore, weights_dir: Path, problems: Mapping[str, str]) -> Catalog:
    """Entries for every role, best first within a role.

    Args:
        store: the exported models.
        weights_dir: looked into to say that weights are there which this version has no use for yet.
        problems: why models could not be exported in this run, by name.
    """
    entries = [*_exportable(store, problems), *_unsupported(weights_dir)]
    return Catalog.of(entry for role in ROLES for entry in entries if entry.role == role)


def _exportable(store: ModelStore, problems: Mapping[str, str]) -> Iterator[CatalogEntry]:
    for spec in MODELS:
        manifest = store.manifest(spec.name)
        if manifest is not None and spec.name not in problems:
            yield manifest.entry()
        else:
            yield _missing(spec, spec.files[0], problems.get(spec.name) or _not_exported(spec))


def _not_exported(spec: ModelSpec) -> str:
    return f"{spec.files[0].variant} has not been exported; limner export {spec.name} does it."


def _unsupported(weights_dir: Path) -> Iterator[CatalogEntry]:
    """One entry for each model that has weights in the registry, but no network in this version."""
    known = {spec.name for spec in MODELS}
    for weight in WEIGHTS:
        if weight.model in known:
            continue
        known.add(weight.model)
        reason = f"{weight.variant} is not supported by this version of Limner yet."
        if (weights_dir / weight.file).is_file():
            reason = f"{weight.file} is in LIMNER_WEIGHTS, but it is not supported by this version of Limner yet."
        yield _missing(weight, weight, reason)


def _missing(model: ModelSpec | WeightFile, weight: WeightFile, reason: str) -> CatalogEntry:
    return CatalogEntry(
        role=weight.role,
        model=model.name if isinstance(model, ModelSpec) else model.model,
        variant=weight.variant,
        available=False,
        reason=reason,
        licence=weight.licence,
    )
