"""The model catalogue: which role is filled by which model, and why a role is empty.

``limner export`` writes ``catalog.json`` beside the exported models. Inside Triton the pipeline reads it to know
what it may call; the ``catalog`` model hands it to the gateway for ``/v1/models``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from limner.errors import ExportError

Role = Literal["detector", "face_restorer", "parser", "background", "identity"]
ROLES: tuple[Role, ...] = ("detector", "face_restorer", "parser", "background", "identity")

CATALOG_FILE = "catalog.json"


class DamagedCatalog(ExportError):
    """The catalogue is there and cannot be read."""


@dataclass(frozen=True)
class CatalogEntry:
    """One model that can fill a role.

    Attributes:
        role: what it is used for.
        model: name of the Triton model, e.g. ``realesrgan_x4``.
        variant: which published network, e.g. ``RealESRGAN_x4plus``.
        available: whether it was exported and is served.
        reason: one plain sentence saying why it is not available; None where it is.
        version: Triton version folder it was exported to.
        precision: ``fp32``, ``fp16`` or ``int8``; None where not available.
        source: where the weights came from: an official file name or a package with its version.
        sha256: of the source file.
        licence: of the weights.
        custom: True where the weights are not the published ones.
        seeded: True where they are random: good to try things with, and for nothing else.
    """

    role: Role
    model: str
    variant: str
    available: bool
    reason: str | None = None
    version: str = "1"
    precision: str | None = None
    source: str | None = None
    sha256: str | None = None
    licence: str | None = None
    custom: bool = False
    seeded: bool = False

    def summary(self) -> dict[str, object]:
        """What a report says of a model that was used."""
        return {
            "name": self.model,
            "variant": self.variant,
            "version": self.version,
            "precision": self.precision,
            "custom": self.custom,
        }


@dataclass(frozen=True)
class Catalog:
    """All entries, best first within a role."""

    entries: tuple[CatalogEntry, ...] = ()

    def available(self, role: Role) -> tuple[CatalogEntry, ...]:
        """The served models of a role, best first."""
        return tuple(entry for entry in self.entries if entry.role == role and entry.available)

    def reason(self, role: Role) -> str | None:
        """Why nothing fills ``role``, or None where something does."""
        if self.available(role):
            return None
        reasons = [entry.reason for entry in self.entries if entry.role == role and entry.reason]
        return reasons[0] if reasons else "No model of this role is installed."

    def to_json(self) -> str:
        return json.dumps({"models": [asdict(entry) for entry in self.entries]}, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Catalog:
        """Fields of a newer version are passed over: gateways and Tritons are updated one after the other."""
        names = {field.name for field in fields(CatalogEntry)}
        return Catalog(
            tuple(
                CatalogEntry(**{name: value for name, value in entry.items() if name in names})
                for entry in json.loads(text)["models"]
            )
        )

    @staticmethod
    def load(path: Path) -> Catalog:
        """Read a catalogue; a missing file is an empty catalogue (nothing has been exported yet).

        Raises:
            DamagedCatalog: it cannot be read.
        """
        try:
            return Catalog.from_json(path.read_text("utf-8")) if path.is_file() else Catalog()
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise DamagedCatalog(
                f"{path} cannot be read, or is of another version. Run `limner export` with the same LIMNER_DATA."
            ) from None

    @staticmethod
    def of(entries: Iterable[CatalogEntry]) -> Catalog:
        return Catalog(tuple(entries))
