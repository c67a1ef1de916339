"""What is in a report, for the OpenAPI document and the clients that are generated from it.

Nothing is checked against these: a report comes from the Triton side, which may be of another version, and is passed
through as it is.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

Schema = dict[str, Any]

_UPRIGHT = "pixels of the upright input"


class InputFacts(BaseModel):
    """The photo as it was sent, upright."""

    width: int
    height: int
    format: str
    mode: str
    bit_depth: int
    frames: int
    bytes: int


class OutputFacts(BaseModel):
    """The result."""

    width: int
    height: int
    format: str
    bit_depth: int
    bytes: int


class Scores(BaseModel):
    """What a photo or a face is worth, 0 to 1."""

    sharpness_score: float
    face_quality_score: float | None = Field(description="Null without faces.")


class QualityMetrics(Scores):
    """Of the result, and before."""

    enhancement_ratio: float | None = Field(description="Detail along a line, after through before.")
    identity_preservation: float | None = Field(description="-1 to 1; null where nothing compared the faces.")
    before: Scores


class PhotoMetrics(QualityMetrics):
    """Of the whole photo."""

    identity_reason: str | None = Field(description="Why no face was compared.")


class Usable(BaseModel):
    """Good enough for recognition."""

    before: bool
    after: bool


Reason = Literal["eyes-too-close", "blurred", "too-dark", "too-bright", "low-contrast", "turned", "cut-off"]


class Reasons(BaseModel):
    """Why a face is not good enough for recognition."""

    before: list[Reason]
    after: list[Reason]


class FaceParts(BaseModel):
    """What was measured of a face in the result."""

    inter_eye_distance: float = Field(description="Pixels.")
    effective_eye_distance: float = Field(description="Pixels that the detail needs.")
    exposure: float
    contrast: float
    pose: float
    visible: float


class FaceMetrics(QualityMetrics):
    """Of one face."""

    usable: Usable
    reasons: Reasons
    parts: FaceParts


class IdentityVerdict(BaseModel):
    """Whether the restored face is still the same person, and what was done about it."""

    likeness: float
    action: str = Field(description="kept, blended or left out.")
    share_of_input: float


class FaceReport(BaseModel):
    """A face that was found."""

    box: list[float] = Field(min_length=4, max_length=4, description=f"Left, top, right, bottom in {_UPRIGHT}.")
    score: float | None = Field(description="How sure the detector is; null where the photo was sent as one face.")
    landmarks: list[list[float]] | None = Field(None, description=f"Eyes, nose, corners of the mouth in {_UPRIGHT}.")
    restored: bool = Field(description="Whether the restorer's face was put back.")
    identity: IdentityVerdict | None = None
    colour_shift: float | None = None
    quality_metrics: FaceMetrics | None = None


class ModelUsed(BaseModel):
    """Who filled a role for this photo."""

    name: str | None
    reason: str | None = Field(None, description="Why nobody did, or why this one.")
    variant: str | None = None
    version: str | None = None
    precision: str | None = None
    custom: bool | None = None


class PhotoReport(BaseModel):
    """The whole report of a photo."""

    input: InputFacts
    output: OutputFacts
    faces: list[FaceReport]
    quality_metrics: PhotoMetrics
    models: dict[str, ModelUsed]
    tiles: dict[str, int] | None
    milliseconds: dict[str, float]
    options: dict[str, Any]
    notes: list[str]
    truncated: bool


class FileError(BaseModel):
    """Why a file of a batch failed."""

    type: str = Field(description="Last word of a problem's `type`.")
    message: str


class FileReport(BaseModel):
    """A file of a batch. Where it was enhanced, the whole report of the photo is here as well."""

    name: str
    status: Literal["completed", "failed", "skipped"]
    result: str | None = Field(None, description="Path in the result.")
    processing_time: float | None = None
    error: FileError | None = None
    reason: str | None = Field(None, description="Why it was passed over.")
    faces: list[FaceReport] | None = None
    quality_metrics: PhotoMetrics | None = None


_DOCUMENTED: Final = (PhotoReport, PhotoMetrics, FaceReport, FileReport)


def report_schemas() -> dict[str, Schema]:
    """Schemas of reports and their parts, by name, for the document's components."""
    _, found = models_json_schema(
        [(model, "serialization") for model in _DOCUMENTED], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Schema] = found["$defs"]
    return schemas


def describe_result(schema: Schema) -> None:
    """Name the parts of an ``EnhancementResult`` that are passed through, in its schema."""
    faces: Schema = {"type": "array", "items": _reference(FaceReport)}
    kinds = {"quality_metrics": _reference(PhotoMetrics), "faces": faces, "report": _reference(PhotoReport)}
    for name, kind in kinds.items():
        schema["properties"][name]["anyOf"] = [kind, {"type": "null"}]


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
