"""The parts that Limner's dashboards are made of: panels with one look, and the selectors of their queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

GATEWAY = 'job="$job", namespace=~"$namespace", instance=~"$instance"'
"""Selects series of the gateways."""

RULES = 'job="$job", namespace=~"$namespace"'
"""Selects what recording rules made of them."""

TRITON = 'job="$triton_job", namespace=~"$namespace"'
MODEL = f'{TRITON}, model=~"$model"'

GOOD, WARN, BAD = "green", "orange", "red"
_HEIGHT, _STAT_HEIGHT, _WIDTH = 8, 4, 24

Steps = Sequence[tuple[float | None, str]]
"""Where a colour begins: the first is None, which means from below."""

Panel = timeseries.Panel | stat.Panel | table.Panel


class Query(NamedTuple):
    """PromQL, and what its series are called in the legend."""

    expr: str
    legend: str


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    span: int = 8,
    most: float | None = None,
    steps: Steps = (),
    stacked: bool = False,
    runbook: str | None = None,
) -> timeseries.Panel:
    """A graph over time. ``span`` is its width, of 24; ``most`` the top of its axis; ``steps`` are drawn as lines."""
    panel = timeseries.Panel()
    (
        panel.unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(25 if stacked else 8)
        .show_points(common_models.VisibilityMode("auto"))
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode("multi"))
            .sort(common_models.SortOrder("desc"))
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode("list"))
            .placement(common_models.LegendPlacement("bottom"))
            .show_legend(True)
        )
    )
    if most is not None:
        panel.max(most)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode("normal")).group("A"))
    if steps:
        panel.thresholds(_thresholds(steps))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode("dashed"))
        )
    _finish(panel, title, description, queries, runbook)
    panel.span(span).height(_HEIGHT)
    return panel


def number(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Steps = (),
    decimals: int | None = None,
    span: int = 4,
    runbook: str | None = None,
) -> stat.Panel:
    """A number, the latest. ``steps`` colour it."""
    panel = stat.Panel()
    (
        panel.unit(unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_models.BigValueGraphMode("area"))
        .color_mode(common_models.BigValueColorMode("value"))
        .text_mode(common_models.BigValueTextMode("auto"))
        .no_value("–")
        .thresholds(_thresholds(steps or [(None, "text")]))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId("thresholds")))
    )
    if decimals is not None:
        panel.decimals(decimals)
    _finish(panel, title, description, [query], runbook)
    panel.span(span).height(_STAT_HEIGHT)
    return panel


def rows(title: str, description: str, query: Query, *, span: int = _WIDTH) -> table.Panel:
    """A table of the series that there are now."""
    panel = table.Panel()
    _finish(panel, title, description, [], None)
    panel.with_target(_target(query, 0).format(PromQueryFormat("table")).instant())
    panel.span(span).height(_HEIGHT)
    return panel


def _finish(panel: Panel, title: str, description: str, queries: Sequence[Query], runbook: str | None) -> None:
    panel.title(title).datasource(SOURCE)
    if runbook is not None:
        description = f"{description} Runbook: docs/runbooks/{runbook}.md"
        page = dashboard.DashboardLink(runbook).url(f"${{runbooks}}docs/runbooks/{runbook}.md").target_blank(True)
        panel.links([page.type(DashboardLinkType("link"))])
    panel.description(description)
    for number_, query in enumerate(queries):
        panel.with_target(_target(query, number_))


def _target(query: Query, number_: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery()
    target.expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number_)).datasource(SOURCE)
    return target


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    marks = [Threshold(value=value, color=colour) for value, colour in steps]
    config = dashboard.ThresholdsConfig()
    config.mode(ThresholdsMode("absolute")).steps(marks)
    return config


def rate(metric: str, selector: str, by: str = "") -> str:
    """Per second, summed over the replicas; ``by`` names the labels to keep."""
    kept = f" by ({by})" if by else ""
    return f"sum{kept} (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile(share: float, metric: str, selector: str, by: str = "") -> str:
    """Of a histogram; NaN, which is drawn as a gap, where nothing was observed."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', selector, f'le, {by}' if by else 'le')})"


def mean(total: str, count: str, selector: str, by: str = "") -> str:
    """Of what ``total`` adds up and ``count`` counts."""
    return f"{rate(total, selector, by)} / ({rate(count, selector, by)} > 0)"
