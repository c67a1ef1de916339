"""``manifest.json`` beside each exported model: what it was made of, by what, and how well it matches."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from export.sources import Source
from limner.catalog import CatalogEntry, Role

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of an exported model.

    Attributes:
        precision: of the form that the profile serves; ``requested`` is what it was aimed at.
        precision_reason: one sentence where the two differ; None where they do not.
        files: name, bytes and sha256 of each file in the version folder.
        source: :meth:`export.sources.Source.describe`.
        parity: largest error of each output of the FP32 graph against its source, absolute and relative to its range.
        quality: what the gate of the precision measured against FP32, one entry for each recipe tried; the last one
            decided on the precision. The entry of Limner's own kernel has a ``file``, and a ``reason`` in place of
            figures where it was not tried or could not be made; where it is the last one, model.xml is in FP32.
        tools: versions that took part.
        created: UTC, ISO 8601.
        fingerprint: :func:`export.fingerprint.fingerprint`.
    """

    model: str
    role: Role
    variant: str
    version: str
    precision: str
    requested: str
    precision_reason: str | None
    opset: int
    inputs: list[dict[str, object]]
    outputs: list[dict[str, object]]
    source: dict[str, object]
    custom: bool
    files: list[dict[str, object]]
    parity: list[dict[str, object]]
    quality: list[dict[str, object]]
    tools: dict[str, str]
    created: str
    fingerprint: str

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(int(str(file["bytes"])) for file in self.files)

    @property
    def worst_error(self) -> float:
        """The largest relative error against the source, over all outputs."""
        return max(float(str(figure["relative"])) for figure in self.parity)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Manifest:
        return Manifest(**json.loads(text))

    @staticmethod
    def load(folder: Path) -> Manifest | None:
        """The manifest in a model's folder; None where it cannot be read, or a file of the model is gone or cut."""
        try:
            manifest = Manifest.from_json((folder / MANIFEST_FILE).read_text("utf-8"))
            whole = all(
                (folder / manifest.version / str(file["name"])).stat().st_size == file["bytes"]
                for file in manifest.files
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return manifest if manifest.files and whole else None

    def entry(self) -> CatalogEntry:
        """The catalogue entry of the exported model."""
        return Source.from_manifest(self.source).entry(self.model, self.version, self.precision)
