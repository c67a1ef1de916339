"""What is in the dashboards that Grafana reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from limner.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "deploy" / "grafana" / "dashboards"
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))


class Query(NamedTuple):
    """An expression of a dashboard: of a panel, a variable or an annotation."""

    place: str
    expr: str


def board(name: str) -> dict[str, Any]:
    """A dashboard, as Grafana reads it."""
    parsed: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return parsed


def panels(name: str) -> list[dict[str, Any]]:
    """Panels that show something: all but the headings of rows."""
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def queries(name: str) -> Iterator[Query]:
    """All expressions, with variables as Grafana would fill them in for everything."""
    for panel in panels(name):
        for target in panel["targets"]:
            yield Query(f"{name}: {panel['title']} {target['refId']}", filled(target["expr"]))
    for annotation in board(name)["annotations"]["list"]:
        yield Query(f"{name}: annotation {annotation['name']}", filled(annotation["expr"]))
    for variable in board(name)["templating"]["list"]:
        if variable["type"] == "query":
            series, _, label = variable["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
            yield Query(f"{name}: variable {variable['name']}", f"count by ({label}) ({filled(series)})")


def filled(expr: str) -> str:
    for variable, value in (
        ("$job", "limner-gateway"),
        ("$triton_job", "limner-triton"),
        ("$namespace", ".*"),
        ("$instance", ".*"),
        ("$model", ".*"),
        ("$__rate_interval", "1m"),
    ):
        expr = expr.replace(variable, value)
    return expr
