"""The catalogue of all models: those exported, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from export.models import MODELS, ModelSpec
from export.store import ModelStore
from limner.catalog import ROLES, Catalog, CatalogEntry


def build_catalog(store: ModelStore, problems: Mapping[str, str]) -> Catalog:
    """Entries for every role, best first within a role.

    Args:
        store: the exported models.
        problems: why models could not be exported in this run, by name.
    """
    entries = list(_exportable(store, problems))
    return Catalog.of(entry for role in ROLES for entry in entries if entry.role == role)


def _exportable(store: ModelStore, problems: Mapping[str, str]) -> Iterator[CatalogEntry]:
    for spec in MODELS:
        manifest = store.manifest(spec.name)
        if manifest is not None and spec.name not in problems:
            yield manifest.entry()
        else:
            yield _missing(spec, problems.get(spec.name) or _not_exported(spec))


def _not_exported(spec: ModelSpec) -> str:
    weight = spec.files[0]
    consent = " --accept-licence" if weight.non_commercial else ""
    if weight.on_request:
        return f"{weight.variant} is fetched only when asked for: limner weights pull {spec.name}{consent}."
    return f"{weight.variant} has not been exported; limner export {spec.name} does it."


def _missing(spec: ModelSpec, reason: str) -> CatalogEntry:
    return CatalogEntry(
        role=spec.role,
        model=spec.name,
        variant=spec.files[0].variant,
        available=False,
        reason=reason,
        licence=spec.files[0].licence,
    )
