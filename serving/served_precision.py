"""The catalogue as it is true of this server: a network is not always run in the precision of its export."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from limner.catalog import Catalog, CatalogEntry
from limner.rrdb import WEIGHTS_FILE

_MANIFEST_FILE = "manifest.json"


def as_served(catalog: Catalog, exported: Path, profile: str, by_kernel: Collection[str]) -> Catalog:
    """The catalogue with the precision of the form of each network that is run.

    Args:
        catalog: what was exported.
        exported: folder that it lies in.
        profile: which ``configs/<profile>.pbtxt`` the networks are run by.
        by_kernel: models that Limner's own kernel runs.
    """
    return Catalog.of(
        replace(entry, precision="fp32")
        if entry.precision == "int8" and entry.model not in by_kernel and _is_float(entry, exported, profile)
        else entry
        for entry in catalog.entries
    )


def _is_float(entry: CatalogEntry, exported: Path, profile: str) -> bool:
    """Whether the file that runs is in FP32 beside an INT8 one. ``model.onnx``, which GPUs run, always is."""
    return profile != "cpu" or _only_kernel_passed(exported / entry.model)


def _only_kernel_passed(model: Path) -> bool:
    """Whether the manifest's last figures of quality, which decided on INT8, are those of the kernel's file.

    A manifest that cannot be read tells nothing against the catalogue.
    """
    try:
        decisive = json.loads((model / _MANIFEST_FILE).read_text("utf-8"))["quality"][-1]
        return bool(decisive.get("file") == WEIGHTS_FILE)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return False
