"""Reports are described in the OpenAPI document as they are, and passed through whatever they hold."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ensemble.photo import UInt8
from gateway.app import create_app
from gateway.openapi import document
from gateway.report_types import FileReport, PhotoReport, report_schemas
from gateway.state.record import Record
from gateway.tasks.answers import photo_result
from limner.settings import Settings
from tests.conftest import Enhance

QUICK = {"background": "lanczos"}


@pytest.mark.parametrize("options", [QUICK, {**QUICK, "enhancement_level": 1}, {"aligned": True, **QUICK}])
def test_real_reports_are_as_described(enhance: Enhance, portrait: UInt8, options: dict[str, object]) -> None:
    """Nothing of them is missing from the description, and nothing described is of another type."""
    encoded = io.BytesIO()
    Image.fromarray(portrait).save(encoded, "PNG")
    _, report = enhance(encoded.getvalue(), options)
    assert PhotoReport.model_validate(report, strict=True).model_dump(exclude_unset=True) == report
    assert len(PhotoReport.model_validate(report).faces) == 1


def test_the_document_names_the_parts_of_a_result() -> None:
    schemas = document(create_app(Settings(), "127.0.0.1:1"), Settings())["components"]["schemas"]
    assert set(report_schemas()) <= set(schemas)
    fields = schemas["EnhancementResult"]["properties"]
    assert fields["report"]["anyOf"][0] == {"$ref": "#/components/schemas/PhotoReport"}
    assert fields["faces"]["anyOf"][0]["items"] == {"$ref": "#/components/schemas/FaceReport"}
    assert fields["quality_metrics"]["anyOf"][0] == {"$ref": "#/components/schemas/PhotoMetrics"}


def test_a_report_of_another_version_is_passed_through() -> None:
    strange = {"faces": [{"box": "unknown"}], "quality_metrics": {"new": [1]}, "more": None}
    record = Record("photo", "completed", "me", "", "ab", 1.0, 2.0, 3.0, 4.0)
    assert photo_result("id", record, {"report": strange}).report == strange


def test_a_failed_file_of_a_batch_is_as_described() -> None:
    told = {"name": "a", "status": "failed", "error": {"type": "damaged-image", "message": "m"}}
    assert FileReport.model_validate(told, strict=True).model_dump(exclude_unset=True) == told
