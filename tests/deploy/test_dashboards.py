"""The dashboards are those that build.py builds, and Grafana can draw them as far as can be told without one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from typing import Any

import pytest
import yaml

from limner.settings import PROJECT_ROOT
from tests.deploy.dashboards import NAMES, board, panels

GRAFANA = PROJECT_ROOT / "deploy" / "grafana"
COLUMNS = 24

sdk = pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk needs Python 3.11")


def build(*arguments: str, folder: str = str(PROJECT_ROOT)) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.grafana.build", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@sdk
def test_files_are_what_is_built() -> None:
    checked = build("--check")
    assert checked.returncode == 0, checked.stderr


@sdk
def test_a_stale_file_is_told_and_written_anew(tmp_path: Any) -> None:
    copy = tmp_path / "deploy" / "grafana"
    (copy / "dashboards").mkdir(parents=True)
    for file in GRAFANA.glob("*.py"):
        (copy / file.name).write_text(file.read_text())
    (copy / "dashboards" / "photos.json").write_text("{}")
    told = build("--check", folder=str(tmp_path))
    assert told.returncode == 1
    assert "photos.json" in told.stderr
    assert build(folder=str(tmp_path)).returncode == 0
    assert (copy / "dashboards" / "photos.json").read_text() == (GRAFANA / "dashboards" / "photos.json").read_text()


@sdk
@pytest.mark.parametrize("name", NAMES)
def test_units_are_grafanas(name: str) -> None:
    from grafana_foundation_sdk.models import units

    known = {value for key, value in vars(units).items() if isinstance(value, str) and not key.startswith("_")}
    for panel in panels(name):
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"] in known, panel["title"]


def test_all_are_there() -> None:
    assert NAMES == ["overview", "photos", "pipeline", "resources"]
    assert len({board(name)["uid"] for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_side_by_side(name: str) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in board(name)["panels"]]
    for title, place in places:
        assert place["w"] > 0, title
        assert place["h"] > 0, title
        assert place["x"] + place["w"] <= COLUMNS, title
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, f"{one} lies on {other}"


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_what_grafana_and_readers_need(name: str) -> None:
    shown = board(name)["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    titles = [panel["title"] for panel in shown]
    assert len(set(titles)) == len(titles)
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(name):
        assert panel["description"].endswith((".", ".md")), panel["title"]
        assert panel["datasource"] == source
        assert panel["targets"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        assert all(target["datasource"] == source for target in panel["targets"])


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_known(name: str) -> None:
    whole = board(name)
    known = {variable["name"] for variable in whole["templating"]["list"]} | {"__rate_interval"}
    used = set(re.findall(r"\$\{?(\w+)\}?", str(whole["panels"]) + str(whole["templating"]))) - {"__all"}
    assert used <= known
    assert {"datasource", "job", "instance"} <= known


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_runbooks(name: str) -> None:
    for panel in panels(name):
        for link in panel.get("links", []):
            assert link["url"].startswith("${runbooks}docs/runbooks/")
            assert (PROJECT_ROOT / link["url"].removeprefix("${runbooks}")).is_file(), link["url"]


def test_grafana_is_told_where_they_are() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    providers = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "limner.yml").read_text())
    assert providers["providers"][0]["type"] == "file"
