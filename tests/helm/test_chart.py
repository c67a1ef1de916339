"""The chart as a whole: it lints, renders the same each time, is valid Kubernetes, and carries what it shows."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml

from limner import __version__
from limner.settings import PROJECT_ROOT
from tests.helm.chart import CHART, EXAMPLES, Manifest, example, loaded_chart, of_kind, render, render_text, selects

CUSTOM = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
"""Kinds that Kubernetes itself does not know; `test_custom_kinds` looks at them."""

OLDEST, NEWEST = "1.30", "1.37"
WARNING = 2


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("version", [f"v{OLDEST}.0", f"v{NEWEST}.0"])
def test_lints(name: str, version: str) -> None:
    report = helm_python.lint(CHART, example(name), strict=True, namespace="limner", kube_version=version)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] >= WARNING] == []


def test_linter_finds_what_is_wrong() -> None:
    values = example("cpu", gateway__replicas="many")
    assert helm_python.lint(CHART, values, strict=True)["errors"]


@pytest.mark.parametrize("version", ["1.30.0", "1.31.0", "1.33.0", "1.35.0", "1.36.0", "1.37.0"])
def test_is_valid_kubernetes(manifests: list[Manifest], version: str) -> None:
    assert manifests
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_validation_finds_what_is_wrong(manifests: list[Manifest]) -> None:
    (service, *_) = of_kind(manifests, "Service")
    wrong = {**service, "spec": {**service["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="prots"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_renders_the_same_each_time(name: str) -> None:
    assert render_text(example(name)) == render_text(example(name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_templates_leave_no_trace(name: str) -> None:
    for path, text in render_text(example(name)).items():
        assert "<no value>" not in text, path
        assert "%!" not in text, path


def test_examples_are_there() -> None:
    assert set(EXAMPLES) >= {"cpu", "gpu", "production"}


def test_version_is_that_of_the_project() -> None:
    metadata = loaded_chart().metadata
    assert metadata["appVersion"] == __version__
    assert metadata["kubeVersion"] == f">={OLDEST}.0-0"


def test_every_object_is_of_the_release(manifests: list[Manifest]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "photos"
        assert manifest["metadata"]["name"].startswith("photos-limner")
        assert len(manifest["metadata"]["name"]) <= 63


def test_long_names_are_cut() -> None:
    values = example("production")
    for path, text in render_text(values, release="a" * 53).items():
        for manifest in filter(None, yaml.safe_load_all(text) if not path.endswith(".txt") else []):
            assert len(manifest["metadata"]["name"]) <= 63


def test_package_holds_rules_and_dashboards_and_nothing_for_development(tmp_path: Path) -> None:
    archive = Path(helm_python.package(CHART, destination=tmp_path))
    assert archive.stat().st_size < 200_000
    with tarfile.open(archive) as package:
        assert all(member.isfile() for member in package)
        files = {member.name.removeprefix("limner/"): package.extractfile(member) for member in package}
        for kind, folder in (("rules", "deploy/prometheus/rules"), ("dashboards", "deploy/grafana/dashboards")):
            for source in (PROJECT_ROOT / folder).iterdir():
                copy = files[f"files/{kind}/{source.name}"]
                assert copy is not None
                assert copy.read() == source.read_bytes()
    assert not [name for name in files if name.startswith("ci/")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_notes_say_what_to_do_and_what_to_mind(name: str) -> None:
    notes = render_text(example(name))["limner/templates/NOTES.txt"]
    assert "helm -n limner test photos" in notes
    assert ("There are no API keys" in notes) == (name == "cpu")
    assert ("never run on one" in notes) == (name == "gpu")
    assert ("https://photos.example/" in notes) == (name == "production")


def test_the_command_that_lets_an_export_begin_again_finds_its_job_alone() -> None:
    """Of the notes and of the page."""
    rendered = render(example("production"))
    for text in (
        render_text(example("production"))["limner/templates/NOTES.txt"],
        (PROJECT_ROOT / "docs/kubernetes.md").read_text("utf-8"),
    ):
        (wanted,) = re.findall(r"kubectl -n limner delete job -l (\S+)", text)
        selector = dict(label.split("=") for label in wanted.split(","))
        found = [one for one in rendered if selects(selector, one["metadata"]["labels"]) and one["kind"] == "Job"]
        assert len(found) == 1
        assert selector["app.kubernetes.io/instance"] == "photos"


def test_no_job_no_word_of_it() -> None:
    assert "delete job" not in render_text(example("cpu"))["limner/templates/NOTES.txt"]
