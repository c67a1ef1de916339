"""The chart as tests see it: rendered for a file of values, as the objects that Kubernetes would get."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

from limner.settings import PROJECT_ROOT

CHART = PROJECT_ROOT / "helm" / "limner"
RELEASE = "photos"
NAMESPACE = "limner"

Values = dict[str, Any]
Manifest = dict[str, Any]

EXAMPLES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
"""The files of values in ``ci/``, by name."""


def example(name: str, **changes: Any) -> Values:
    """Values of ``ci/<name>-values.yaml``. A change is named by its path: ``gateway__replicas=2``."""
    values: Values = copy.deepcopy(yaml.safe_load(EXAMPLES[name].read_text("utf-8")))
    for path, value in changes.items():
        *sections, key = path.split("__")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
        section[key] = value
    return values


@lru_cache(maxsize=1)
def loaded_chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def render_text(values: Values, release: str = RELEASE, **options: Any) -> dict[str, str]:
    """Text by template, as ``helm template`` writes it."""
    return loaded_chart().render(values, name=release, namespace=NAMESPACE, **options)


def render(values: Values, release: str = RELEASE, **options: Any) -> list[Manifest]:
    """The objects of a release."""
    texts = render_text(values, release, **options)
    return [
        manifest
        for path, text in sorted(texts.items())
        if not path.endswith("NOTES.txt")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class Pod:
    """A pod as some object makes it."""

    owner: Manifest
    metadata: Manifest
    spec: Manifest

    @property
    def name(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def labels(self) -> Mapping[str, str]:
        labels: dict[str, str] = self.metadata["labels"]
        return labels

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def runs_on(self) -> bool:
        """Whether it is there to stay."""
        return self.owner["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def pods(manifests: list[Manifest]) -> Iterator[Pod]:
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield Pod(manifest, manifest["metadata"], manifest["spec"])
        elif "template" in manifest.get("spec", {}):
            template = manifest["spec"]["template"]
            yield Pod(manifest, template["metadata"], template["spec"])


def pod_of(manifests: list[Manifest], component: str) -> Pod:
    (found,) = [pod for pod in pods(manifests) if pod.component == component]
    return found


def environment(container: Manifest) -> dict[str, str]:
    """Variables that are written down, without those out of Secrets."""
    return {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def file_text(name: str) -> str:
    """A file of the chart that is not a template."""
    return (Path(CHART) / "files" / name).read_text("utf-8")
