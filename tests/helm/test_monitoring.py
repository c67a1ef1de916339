"""Monitoring and scaling. Kubernetes has no schema of these kinds, so what their operators need is looked at here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from limner.settings import PROJECT_ROOT
from tests.helm.chart import Manifest, example, named, of_kind, pod_of, render, selects

RULES = sorted((PROJECT_ROOT / "deploy/prometheus/rules").glob("*.yml"))
DASHBOARDS = sorted((PROJECT_ROOT / "deploy/grafana/dashboards").glob("*.json"))

VERSIONS = {
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
}


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    return render(example("production"))


def test_versions_of_custom_kinds(production: list[Manifest]) -> None:
    route = example("cpu", httpRoute={"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]})
    for kind, version in VERSIONS.items():
        (first, *_) = of_kind([*production, *render(route)], kind)
        assert first["apiVersion"] == version


@pytest.mark.parametrize("source", RULES, ids=lambda path: path.stem)
def test_rules_are_those_of_prometheus(production: list[Manifest], source: Any) -> None:
    rule = named(production, "PrometheusRule", f"photos-limner-{source.stem}")
    assert rule["spec"] == yaml.safe_load(source.read_text("utf-8"))
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_all_rules_and_dashboards_are_there(production: list[Manifest]) -> None:
    assert len(of_kind(production, "PrometheusRule")) == len(RULES) > 0
    boards = [one for one in of_kind(production, "ConfigMap") if "-dashboard-" in one["metadata"]["name"]]
    assert len(boards) == len(DASHBOARDS) > 0


@pytest.mark.parametrize("source", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_those_of_grafana(production: list[Manifest], source: Any) -> None:
    found = named(production, "ConfigMap", f"photos-limner-dashboard-{source.stem}")
    assert found["data"].keys() == {source.name}
    assert json.loads(found["data"][source.name]) == json.loads(source.read_text("utf-8"))
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len(found["data"][source.name]) < 1_000_000, "more than a ConfigMap holds"


def jobs_of_prometheus() -> set[str]:
    configuration = yaml.safe_load((PROJECT_ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    return {job["job_name"] for job in configuration["scrape_configs"]} - {"prometheus"}


def test_monitors_find_what_they_read_and_name_it_as_the_rules_do(production: list[Manifest]) -> None:
    (gateway,) = of_kind(production, "ServiceMonitor")
    service = named(production, "Service", "photos-limner-gateway")
    assert selects(gateway["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    (endpoint,) = gateway["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["authorization"] == {
        "type": "Bearer",
        "credentials": {"name": "limner-metrics-key", "key": "key"},
    }

    (triton,) = of_kind(production, "PodMonitor")
    pod = pod_of(production, "triton")
    assert selects(triton["spec"]["selector"]["matchLabels"], pod.labels)
    (reading,) = triton["spec"]["podMetricsEndpoints"]
    assert reading["port"] in [port["name"] for port in pod.containers[-1]["ports"]]

    jobs = {one["relabelings"][0]["replacement"] for one in (endpoint, reading)}
    assert jobs == jobs_of_prometheus()


def test_gateway_monitor_of_an_open_gateway_needs_no_key() -> None:
    (monitor,) = of_kind(render(example("cpu", metrics__gatewayMonitor={"enabled": True})), "ServiceMonitor")
    assert "authorization" not in monitor["spec"]["endpoints"][0]


def test_tritons_are_scaled_by_what_waits(production: list[Manifest]) -> None:
    (scaled,) = of_kind(production, "ScaledObject")
    spec = scaled["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 20)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "photos-limner-triton"}
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "prometheus"
    assert trigger["metricType"] == "AverageValue"  # what `fallback` asks for
    assert trigger["metadata"]["query"] == (
        'sum(rate(nv_inference_queue_duration_us{namespace="limner",pod=~"photos-limner-triton-.*"}[1m])) / 1e6'
    )
    assert float(trigger["metadata"]["threshold"]) == 0.5
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no series would count as no load"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600
    assert spec["fallback"]["replicas"] == 3
    assert not [one for one in of_kind(production, "HorizontalPodAutoscaler") if "triton" in one["metadata"]["name"]]


def test_query_and_threshold_may_be_others() -> None:
    scaling = {"query": "sum(limner_photos_at_work)", "waitingCalls": 2.5}
    values = example("production")
    values["triton"]["autoscaling"].update(scaling)
    (scaled,) = of_kind(render(values), "ScaledObject")
    metadata = scaled["spec"]["triggers"][0]["metadata"]
    assert (metadata["query"], metadata["threshold"]) == ("sum(limner_photos_at_work)", "2.5")


def test_tritons_on_processors_may_be_scaled_by_them() -> None:
    values = example("production", triton__autoscaling={"enabled": True, "type": "cpu"})
    rendered = render(values)
    scaler = named(rendered, "HorizontalPodAutoscaler", "photos-limner-triton")
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert not of_kind(rendered, "ScaledObject")


def test_route_leads_to_the_gateway_without_a_limit_of_time() -> None:
    route = {
        "enabled": True,
        "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
        "hostnames": ["photos.example"],
    }
    rendered = render(example("cpu", httpRoute=route))
    (made,) = of_kind(rendered, "HTTPRoute")
    assert made["spec"]["parentRefs"] == route["parentRefs"]
    assert made["spec"]["hostnames"] == route["hostnames"]
    (rule,) = made["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    service = named(rendered, "Service", backend["name"])
    assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]
    # A duration of the Gateway API: up to four numbers, each with its unit.
    assert re.fullmatch(r"([0-9]{1,5}(h|m|s|ms)){1,4}", rule["timeouts"]["request"])
