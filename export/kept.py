"""The export that stays in use where it cannot be made anew."""

from __future__ import annotations

from export.manifest import Manifest
from export.models import ModelSpec
from export.store import ModelStore

_SERVED = {"cpu": "model.xml", "gpu": "model.onnx"}
"""What each profile serves. A TensorRT plan fits one version of TensorRT and one GPU: an old one is not relied on."""


def kept_export(spec: ModelSpec, store: ModelStore, profile: str) -> Manifest | None:
    """The whole export of a model that can still be served, though out of date; None where there is none."""
    manifest = store.manifest(spec.name)
    if manifest is None or manifest.version != spec.version:
        return None
    declared = [[tensor.describe() for tensor in tensors] for tensors in (spec.inputs, spec.outputs)]
    if declared != [manifest.inputs, manifest.outputs]:
        return None
    return manifest if _SERVED.get(profile) in (file["name"] for file in manifest.files) else None


def told_of(kept: Manifest, reason: str) -> str:
    """One line about it: what it was made with, and the ``reason`` why it is not made anew."""
    made = f"{kept.created[:10]} (Limner {kept.tools.get('limner', 'unknown')}, {kept.precision.upper()})"
    return f"{kept.model} is still the export of {made}; it could not be made anew: {reason}"
