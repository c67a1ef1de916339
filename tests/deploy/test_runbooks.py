"""Each alert has a page that says what to do, and no page lacks its alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limner.settings import PROJECT_ROOT, Settings
from tests.deploy.dashboards import NAMES, board
from tests.deploy.promql import rules
from tests.deploy.runbooks import FOLDER, PAGES

HEADINGS = [
    "What it means",
    "What users notice",
    "First look",
    "Likely causes",
    "What to do",
    "When to escalate",
]


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert {page.stem for page in PAGES} == alerts
    assert len(alerts) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_has_all_parts(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert len(text.split()) < 500, "too long to be read in a hurry"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_and_links_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    known = {f"LIMNER_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"LIMNER_\w+", text)) <= known
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (FOLDER / link).is_file(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_panels_that_are_named_exist(page: Path) -> None:
    known = {panel["title"] for name in NAMES for panel in board(name)["panels"]} | {
        board(name)["title"] for name in NAMES
    }
    named = re.findall(r"(?<![*\w])\*([^*\n]+)\*(?!\*)", page.read_text("utf-8"))
    assert {title for title in named if title != "Status › Targets"} <= known


def test_table_of_alerts_names_all() -> None:
    text = (PROJECT_ROOT / "docs" / "monitoring.md").read_text("utf-8")
    rows = set(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \|", text, re.MULTILINE))
    assert rows == {page.stem for page in PAGES}
