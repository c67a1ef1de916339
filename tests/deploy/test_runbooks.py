"""Each alert has a page that says what to do, and no page lacks its alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.models import MODELS
from limner.settings import PROJECT_ROOT, Settings
from tests.deploy.compose_file import load
from tests.deploy.dashboards import NAMES, board
from tests.deploy.promql import rules
from tests.deploy.runbooks import FOLDER, PAGES

COMPOSE = load("compose.yaml")
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_fit_compose(page: Path) -> None:
    """Services, ports and containers that are named exist, and no more of them are restarted than meant."""
    text = page.read_text("utf-8")
    for service in re.findall(r"docker compose (?:exec|restart|run --rm|up -d|top|ps|logs(?: --\w+ \w+)*) (\w+)", text):
        assert service in COMPOSE["services"], service
    for service in re.findall(r"docker compose restart (\w+)", text):
        assert COMPOSE["services"][service].get("deploy", {}).get("replicas", 1) == 1, "it would restart all of them"
    published = {port.split(":")[-2] for one in COMPOSE["services"].values() for port in one.get("ports", [])}
    assert set(re.findall(r"https?://(?:127\.0\.0\.1|localhost):(\d+)", text)) <= published
    for service, number in [
        *re.findall(rf"docker restart {COMPOSE['name']}-(\w+)-(\d+)", text),
        *(found[::-1] for found in re.findall(r"docker compose exec --index (\d+) (\w+)", text)),
    ]:
        assert int(number) <= COMPOSE["services"][service].get("deploy", {}).get("replicas", 1)
    assert "docker restart" not in text.replace(f"docker restart {COMPOSE['name']}-", "")
    assert "/proc/1/" not in text, "that is the init of the container"


@pytest.mark.parametrize("name", ["LimnerReplicaNotReady", "LimnerGatewayDown"])
def test_where_one_gateway_is_at_fault_that_one_is_entered(name: str) -> None:
    assert "docker compose exec gateway" not in (FOLDER / f"{name}.md").read_text("utf-8")


def test_an_export_that_is_to_be_made_anew_is_named() -> None:
    """Without a name the exporter leaves alone what is up to date."""
    text = (FOLDER / "LimnerNothingSucceeds.md").read_text("utf-8")
    (model,) = re.findall(r"docker compose run --rm exporter export (\w+)`", text)
    assert model in {spec.name for spec in MODELS}
    assert "exporter`" not in text


def test_table_of_alerts_names_all() -> None:
    text = (PROJECT_ROOT / "docs" / "monitoring.md").read_text("utf-8")
    rows = set(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \|", text, re.MULTILINE))
    assert rows == {page.stem for page in PAGES}
