"""``manifest.json`` beside each exported model: what it was made of, by what, and how well it matches."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from export.sources import Source
from limner.catalog import CatalogEntry, Role

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of an exported model.

    Attributes:
        source: :meth:`export.sources.Source.describe`.
        parity: largest error of each output against PyTorch, absolute and relative to its range.
        tools: versions that took part.
        created: UTC, ISO 8601.
        fingerprint: :func:`export.fingerprint.fingerprint`.
    """

    model: str
    role: Role
    variant: str
    version: str
    precision: str
    opset: int
    inputs: list[dict[str, object]]
    outputs: list[dict[str, object]]
    source: dict[str, object]
    custom: bool
    bytes: int
    sha256: str
    parity: list[dict[str, object]]
    tools: dict[str, str]
    created: str
    fingerprint: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Manifest:
        return Manifest(**json.loads(text))

    @staticmethod
    def load(folder: Path) -> Manifest | None:
        """The manifest in a model's folder; None where there is none that can be read, or its model file is gone."""
        try:
            manifest = Manifest.from_json((folder / MANIFEST_FILE).read_text("utf-8"))
            size = (folder / manifest.version / MODEL_FILE).stat().st_size
        except (OSError, ValueError, TypeError):
            return None
        return manifest if size == manifest.bytes else None

    def entry(self) -> CatalogEntry:
        """The catalogue entry of the exported model."""
        return Source.from_manifest(self.source).entry(self.model, self.version, self.precision)
