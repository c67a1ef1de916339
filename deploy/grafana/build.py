"""Build the dashboards: ``python -m deploy.grafana.build`` writes them, ``--check`` tells whether they are in step.

Grafana reads the JSON in ``dashboards/``; what is in it is said in the modules beside this one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana import overview, photos, pipeline, resources
from deploy.grafana.panels import SOURCE, Panel

FOLDER = Path(__file__).parent / "dashboards"
TAG = "limner"

Rows = Mapping[str, Sequence[Panel]]

DASHBOARDS: Mapping[str, tuple[str, str, Rows]] = {
    "overview": ("Limner: overview", "Objectives, traffic, errors, latency, places.", overview.ROWS),
    "pipeline": ("Limner: pipeline", "Steps of the pipeline, canaries, models in Triton.", pipeline.ROWS),
    "photos": ("Limner: photos", "Faces, quality, uploads, batches, rate limits.", photos.ROWS),
    "resources": ("Limner: resources", "Memory, processors, files, GPUs.", resources.ROWS),
}


def build(name: str) -> str:
    """The JSON text of a dashboard."""
    title, description, rows = DASHBOARDS[name]
    board = (
        dashboard.Dashboard(title)
        .uid(f"limner-{name}")
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Limner")
            .type(DashboardLinkType("dashboards"))
            .tags([TAG])
            .keep_time(True)
            .include_vars(True)
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(True)
            .icon_color("red")
            .expr('max by (alertname, severity) (ALERTS{alertstate="firing", alertname=~"Limner.+"})')
        )
    )
    for variable in _variables():
        board.with_variable(variable)
    number = 0
    for row_title, panels in rows.items():
        number += 1
        board.with_row(dashboard.Row(row_title).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _variables() -> list[dashboard.DatasourceVariable | dashboard.QueryVariable | dashboard.TextBoxVariable]:
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _labels("job", "Gateways", "limner_build_info", "job"),
        _labels("triton_job", "Tritons", "nv_cpu_utilization", "job"),
        _labels("namespace", "Namespace", 'limner_build_info{job="$job"}', "namespace", several=True),
        _labels(
            "instance", "Gateway", 'limner_build_info{job="$job", namespace=~"$namespace"}', "instance", several=True
        ),
        _labels(
            "model", "Model", 'nv_inference_count{job="$triton_job", namespace=~"$namespace"}', "model", several=True
        ),
        dashboard.TextBoxVariable("runbooks").label("Runbooks are at").default_value(""),
    ]


def _labels(name: str, label: str, series: str, key: str, *, several: bool = False) -> dashboard.QueryVariable:
    """A variable with the values that a label has. Where several may be chosen, all are, also of no such label."""
    variable = dashboard.QueryVariable(name)
    variable.label(label).datasource(SOURCE).query(f"label_values({series}, {key})")
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    if several:
        every = VariableOption(selected=True, text="All", value="$__all")
        variable.multi(True).include_all(True).all_value(".*").current(every)
    return variable


def main(arguments: Sequence[str]) -> int:
    """Write the dashboards, or with ``--check`` only compare them; 1 where one is not in step."""
    check = "--check" in arguments
    stale = []
    for name in DASHBOARDS:
        file, text = FOLDER / f"{name}.json", build(name)
        if not check:
            file.write_text(text, "utf-8")
        elif not file.is_file() or file.read_text("utf-8") != text:
            stale.append(file.name)
    if stale:
        sys.stderr.write(f"Not in step: {', '.join(stale)}. Run: python -m deploy.grafana.build\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
