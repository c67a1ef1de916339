"""Where the weights of a model come from, and how they are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from export.architectures import architecture, published_graph
from export.blend import blend
from export.packaged import PACKAGED
from export.registry import weight_file
from limner.catalog import CatalogEntry
from limner.errors import CheckpointMismatch

if TYPE_CHECKING:
    import onnx

    from export.architectures.common import StateDict

Kind = Literal["official", "custom", "given", "packaged", "seeded"]


@dataclass(frozen=True)
class Source:
    """One set of weights.

    Attributes:
        kind: ``official``: the published file; ``custom``: another one under its name in ``LIMNER_WEIGHTS``;
            ``given``: named on the command line; ``packaged``: from an installed package; ``seeded``: random.
        label: the file's name, or the package with its version; and the share of a blend.
        sha256: of the file; of seeded weights, of the seed.
        file: the official file that it is or stands in for, which tells network and layout.
        path: of the file on disk, where it is one.
        package: name in ``export.packaged``, where it is one.
        seed: of seeded weights.
        second: what these weights are blended with, as ``export.blend`` says.
        denoise: the share of these weights in the blend, 0 to 1; the rest is the second's.
        chosen: whether somebody asked for ``file`` by its name; a better one on disk does not take its place then.
    """

    kind: Kind
    label: str
    sha256: str
    file: str
    path: str | None = None
    package: str | None = None
    seed: int = 0
    second: Source | None = None
    denoise: float = 1.0
    chosen: bool = False

    @property
    def custom(self) -> bool:
        """Whether these are other weights than the published ones."""
        return self.kind in ("custom", "given", "seeded") or (self.second is not None and self.second.custom)

    @property
    def variant(self) -> str:
        return weight_file(self.file).variant

    @property
    def architecture(self) -> str:
        return weight_file(self.file).architecture

    @property
    def licence(self) -> str:
        if self.kind == "packaged" and self.package is not None:
            return PACKAGED[self.package].licence
        if self.kind == "seeded":
            return "none: random weights"
        if self.custom:
            return f"the owner's; the published file's is {weight_file(self.file).licence}"
        return weight_file(self.file).licence

    @property
    def identity(self) -> list[object]:
        """What tells these weights from others, for the fingerprint."""
        own: list[object] = [self.kind, self.sha256, self.file]
        return own if self.second is None else [*own, self.denoise, *self.second.identity]

    def blended(self, second: Source, denoise: float) -> Source:
        """These weights with the share ``denoise``, and ``second`` with the rest."""
        return replace(self, label=f"{self.label}, denoise {denoise:g}", second=second, denoise=denoise)

    def describe(self) -> dict[str, object]:
        """Its entry in a manifest; :meth:`from_manifest` reads it."""
        return asdict(self) | {"licence": self.licence, "non_commercial": weight_file(self.file).non_commercial}

    @staticmethod
    def from_manifest(entry: dict[str, object]) -> Source:
        fields = {key: value for key, value in entry.items() if key in Source.__dataclass_fields__}
        if isinstance(second := fields.get("second"), dict):
            fields["second"] = Source.from_manifest(second)
        return Source(**fields)  # type: ignore[arg-type]

    def load(self) -> StateDict:
        """The state dict in the official layout. Imports PyTorch.

        Raises:
            CheckpointMismatch: where the file is damaged, unsafe or holds another network, or where the second file
                holds another than the first.
            WeightsError: where a package is missing.
        """
        if self.second is not None:
            first = replace(self, second=None)
            return blend(first.load(), self.second.load(), self.denoise, (self.file, self.second.file))
        if self.kind == "packaged" and self.package is not None:
            return PACKAGED[self.package].read()
        if self.kind == "seeded":
            return architecture(self.architecture).seeded_state(self.seed, dict(weight_file(self.file).layout))
        if self.path is None:
            raise CheckpointMismatch(f"{self.label} has no file.")
        from export.checkpoint import load_checkpoint  # noqa: PLC0415 - imports PyTorch

        return load_checkpoint(Path(self.path), weight_file(self.file).keys)

    def load_onnx(self) -> onnx.ModelProto:
        """The published ONNX graph. Imports ONNX.

        Raises:
            CheckpointMismatch: where the file is damaged or no ONNX model.
        """
        from export.published_onnx import read_published  # noqa: PLC0415 - imports ONNX

        if self.kind == "seeded":
            return published_graph(self.architecture).seeded_model(self.seed)
        if self.path is None:
            raise CheckpointMismatch(f"{self.label} has no file.")
        return read_published(Path(self.path))

    def entry(self, model: str, version: str, precision: str) -> CatalogEntry:
        """The catalogue entry of a model that was exported from it."""
        return CatalogEntry(
            role=weight_file(self.file).role,
            model=model,
            variant=self.variant,
            available=True,
            version=version,
            precision=precision,
            source=self.label,
            sha256=self.sha256,
            licence=self.licence,
            custom=self.custom,
            seeded=self.kind == "seeded",
        )
