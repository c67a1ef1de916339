"""The model catalogue: to a file and back, and why a role is empty."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.catalog import CATALOG_FILE, ROLES, Catalog, CatalogEntry, DamagedCatalog, Role
from limner.errors import LimnerError

TEXT = st.text(max_size=12)
ENTRIES = st.builds(
    CatalogEntry,
    role=st.sampled_from(ROLES),
    model=TEXT,
    variant=TEXT,
    available=st.booleans(),
    reason=st.none() | TEXT,
    precision=st.none() | st.sampled_from(["fp32", "fp16", "int8"]),
    source=st.none() | TEXT,
    custom=st.booleans(),
)


def entry(role: Role, model: str, available: bool, reason: str | None = None) -> CatalogEntry:
    return CatalogEntry(role, model, variant=model.upper(), available=available, reason=reason)


CATALOG = Catalog.of(
    [
        entry("background", "large", False, "It was not fetched."),
        entry("background", "small", True),
        entry("background", "smaller", True),
        entry("face_restorer", "first", False),
        entry("face_restorer", "second", False, "Its file is missing."),
        entry("face_restorer", "third", False, "Its licence was not accepted."),
        entry("parser", "wordless", False),
    ]
)


@given(st.lists(ENTRIES, max_size=4))
def test_json_and_back(entries: list[CatalogEntry]) -> None:
    catalog = Catalog.of(entries)
    text = catalog.to_json()
    assert Catalog.from_json(text) == catalog
    assert text.endswith("}\n")
    names = {field.name for field in fields(CatalogEntry)}
    assert all(set(shown) == names for shown in json.loads(text)["models"])


def test_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / CATALOG_FILE
    path.write_text(CATALOG.to_json(), "utf-8")
    assert Catalog.load(path) == CATALOG


def test_missing_file_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert Catalog.load(tmp_path / CATALOG_FILE) == Catalog()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b'{"models": 1}', b'{"models": [1]}', b'{"models": [{}]}']
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CATALOG_FILE).write_bytes(content)
    with pytest.raises(DamagedCatalog, match="Run `limner export`") as raised:
        Catalog.load(tmp_path / CATALOG_FILE)
    assert isinstance(raised.value, LimnerError)


def test_available_models_keep_their_order() -> None:
    assert [found.model for found in CATALOG.available("background")] == ["small", "smaller"]
    assert CATALOG.available("face_restorer") == ()


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("background", None),
        ("face_restorer", "Its file is missing."),
        ("parser", "No model of this role is installed."),
        ("identity", "No model of this role is installed."),
    ],
)
def test_reason_is_given_only_for_an_empty_role(role: Role, reason: str | None) -> None:
    assert CATALOG.reason(role) == reason


def test_summary_tells_what_a_report_needs() -> None:
    used = CatalogEntry("background", "net_x4", "Net", True, version="3", precision="int8", custom=True)
    assert used.summary() == {
        "name": "net_x4",
        "variant": "Net",
        "version": "3",
        "precision": "int8",
        "custom": True,
    }
