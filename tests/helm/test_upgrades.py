"""From one revision to the next: what must not change does not, and what is replaced is replaced side by side."""

from __future__ import annotations

from typing import Any

import helm_python
import pytest
import yaml

from tests.helm.chart import (
    CHART,
    EXAMPLES,
    NAMESPACE,
    RELEASE,
    Manifest,
    Values,
    example,
    named,
    of_kind,
    pod_of,
    render,
)

NEXT = {"image__tag": "0.2.0", "commonLabels": {"team": "photos"}, "settings__maxTasks": 9}


def selectors(manifests: list[Manifest]) -> dict[str, Any]:
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["spec"]["selector"]
        for one in manifests
        if one["kind"] in {"Deployment", "Service", "PodDisruptionBudget"}
    }


@pytest.fixture
def of_next_chart(tmp_path: Any) -> Any:
    """Renders with the chart's next version."""
    archive = helm_python.package(CHART, destination=tmp_path, version="0.2.0", app_version="0.2.0")

    def rendered(values: Values) -> list[Manifest]:
        with helm_python.Chart.load(archive) as chart:
            texts = chart.render(values, name=RELEASE, namespace=NAMESPACE, revision=2, is_upgrade=True)
        return [
            one for path, text in texts.items() if not path.endswith(".txt") for one in yaml.safe_load_all(text) if one
        ]

    return rendered


@pytest.mark.parametrize("name", EXAMPLES)
def test_selectors_stay(name: str, of_next_chart: Any) -> None:
    """Kubernetes refuses to change them."""
    before = selectors(render(example(name)))
    assert before
    for after in (render(example(name, **NEXT)), of_next_chart(example(name))):
        assert selectors(after) == before
    for selector in before.values():
        assert "0.1.0" not in str(selector)


def folder(values: Values) -> str:
    for mount in pod_of(render(values), "triton").containers[-1]["volumeMounts"]:
        if mount["name"] == "models":
            return str(mount["subPath"])
    raise AssertionError("no models")


def job_name(values: Values) -> str:
    (job,) = of_kind(render(values), "Job")
    return str(job["metadata"]["name"])


@pytest.mark.parametrize(
    "change",
    [
        {"image__tag": "0.2.0"},
        {"settings__profile": "gpu"},
        {"settings__precision": "fp32"},
        {"settings__customWeights": True},
        {"models__revision": "2"},
        {"exporter__image": {"digest": "sha256:" + "ab" * 32}},
    ],
    ids=str,
)
def test_other_models_are_exported_beside_the_old(change: dict[str, Any]) -> None:
    before, after = example("production"), example("production", **change)
    assert folder(after) != folder(before)
    assert job_name(after) != job_name(before)


@pytest.mark.parametrize(
    "change", [{"exporter__resources": {"memory": "6Gi"}}, {"settings__mirrors": ["https://m.example"]}], ids=str
)
def test_another_job_may_find_the_same_models(change: dict[str, Any]) -> None:
    """A job cannot be changed, so another one takes its place; what it finds is up to date."""
    before, after = example("production"), example("production", **change)
    assert folder(after) == folder(before)
    assert job_name(after) != job_name(before)


@pytest.mark.parametrize("change", [{"settings__rateLimit": "off"}, {"gateway__replicas": 4}], ids=str)
def test_what_is_for_others_leaves_job_and_triton_alone(change: dict[str, Any]) -> None:
    before, after = render(example("production")), render(example("production", **change))
    for kind, component in (("Job", "exporter"), ("Deployment", "triton")):
        (old,) = [one for one in of_kind(before, kind) if component in str(one["metadata"]["labels"])]
        (new,) = [one for one in of_kind(after, kind) if component in str(one["metadata"]["labels"])]
        assert new == old


def test_a_newer_chart_alone_replaces_no_pod(of_next_chart: Any) -> None:
    """Where the images stay those of before."""
    values = example("production", image__tag="0.1.0")
    before, after = render(values), of_next_chart(values)
    for component in ("gateway", "triton", "redis", "exporter"):
        assert pod_of(after, component).metadata == pod_of(before, component).metadata
        assert pod_of(after, component).spec == pod_of(before, component).spec


def test_other_keys_replace_the_gateways() -> None:
    def annotations(values: Values) -> Manifest:
        found: Manifest = pod_of(render(values), "gateway").metadata["annotations"]
        return found

    one, other = (example("gpu", auth={"apiKeys": [f"bob:{digit * 64}"]}) for digit in "01")
    assert annotations(other) != annotations(one)


def test_nothing_is_missing_during_an_update() -> None:
    production = render(example("production"))
    for component in ("gateway", "triton"):
        strategy = named(production, "Deployment", f"photos-limner-{component}")["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert named(production, "Deployment", "photos-limner-redis")["spec"]["strategy"] == {"type": "Recreate"}


def test_patience_of_updates_is_longer_than_that_of_probes() -> None:
    for name in EXAMPLES:
        rendered = render(example(name))
        deployment = named(rendered, "Deployment", "photos-limner-triton")["spec"]
        probe = deployment["template"]["spec"]["containers"][0]["startupProbe"]
        assert deployment["progressDeadlineSeconds"] > probe["periodSeconds"] * probe["failureThreshold"]
        gateway = named(rendered, "Deployment", "photos-limner-gateway")["spec"]
        assert gateway["progressDeadlineSeconds"] > deployment["progressDeadlineSeconds"], "it waits for Triton"
