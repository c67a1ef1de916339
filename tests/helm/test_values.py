"""The table of values and the schema are in step with ``values.yaml``; no value is without a meaning or an effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.helm.chart import CHART
from tests.helm.values_table import PAGE, SCHEMA, described_schema, page, resolved, values

ROOT = json.loads(SCHEMA.read_text("utf-8"))


def sections(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    schema = resolved(schema, ROOT)
    if "properties" in schema:
        yield schema
        for inner in schema["properties"].values():
            yield from sections(inner)


def test_page_and_schema_are_in_step() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.helm.values_table"
    assert SCHEMA.read_text("utf-8") == described_schema(), "run python -m tests.helm.values_table"


def test_every_value_is_explained() -> None:
    found = values()
    assert len(found) > 120
    assert [value.name for value in found if not value.comment] == []
    assert [value.name for value in found if value.comment.endswith(".")] == []


def test_schema_is_one_and_takes_nothing_unknown() -> None:
    jsonschema.Draft202012Validator.check_schema(ROOT)
    found = list(sections(ROOT))
    assert len(found) > 20
    for section in found:
        assert section["additionalProperties"] is False


def test_schema_has_no_value_that_is_not_there() -> None:
    named = {value.path for value in values()}

    def walk(path: tuple[str, ...], schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        schema = resolved(schema, ROOT)
        if "properties" not in schema:
            yield path
        for key, inner in schema.get("properties", {}).items():
            yield from walk((*path, key), inner)

    assert set(walk((), ROOT)) - {("global",)} == named


@pytest.mark.parametrize("value", values(), ids=lambda value: value.name)
def test_value_is_used(value: Any) -> None:
    """Its last part stands in a template, or the section as a whole is handed on there."""
    text = "".join(path.read_text("utf-8") for path in (CHART / "templates").rglob("*.*"))
    assert value.path[-1] in text
