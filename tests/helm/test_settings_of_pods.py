"""Settings reach the pods: every variable is one of Limner's, has a value that it takes, and the default is its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from gateway.access.exposure import check_exposure
from gateway.access.keys import KeyRing
from gateway.report import REPORT_HEADER_BYTES
from limner.settings import PROJECT_ROOT, Settings
from tests.helm.chart import CHART, Manifest, Pod, environment, example, pod_of, pods, render

VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))

ELSEWHERE = {
    "host": "listenAddress",
    "port": "fixed: containers have their ports to themselves",
    "triton_url": "the service of the Tritons",
    "triton_home": "that of NVIDIA's container",
    "triton_host": "listenAddress",
    "triton_grpc_port": "fixed",
    "triton_metrics_port": "fixed",
    "allow_anonymous": "auth.allowAnonymous",
    "api_keys": "auth: a file of a Secret",
    "redis_url": "redis and externalRedis: a file of a Secret",
    "tls_cert": "TLS ends before the gateway",
    "tls_key": "TLS ends before the gateway",
    "data": "where the volumes are mounted",
    "weights": "a folder of the models' volume",
    "audit_log": "standard error: a pod has no disk to keep it on",
    "audit_retention_days": "whoever collects the logs keeps them",
}
"""Settings that are not in `settings`, and where they come from instead."""

STRICTER = {"profile", "shutdown_timeout"}
"""Settings of which the chart takes less: no plans, which need a GPU to be built; whole seconds, which are added up."""

ANOTHER_OF_TRITON = "shutdown_timeout"
"""A setting that a Triton has a value of its own for: its photos take longer than what a gateway waits for."""


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def test_every_setting_is_a_value_or_comes_from_elsewhere() -> None:
    assert {camel(name) for name in Settings.model_fields.keys() - ELSEWHERE.keys()} == VALUES["settings"].keys()
    assert ELSEWHERE.keys() <= Settings.model_fields.keys()


def test_defaults_are_those_of_limner() -> None:
    for name, field in Settings.model_fields.items():
        if name not in ELSEWHERE:
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            assert VALUES["settings"][camel(name)] == default, name


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - ELSEWHERE.keys() - STRICTER))
def test_bounds_are_those_of_limner(name: str) -> None:
    theirs: dict[str, Any] = Settings.model_json_schema()["properties"][name]
    ours = SCHEMA["properties"]["settings"]["properties"][camel(name)]
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "enum"):
        assert ours.get(bound) == theirs.get(bound), bound
    assert ours.get("type") == theirs.get("type") or "enum" in ours


def parsed(pod: Pod, container: Manifest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the program in a container sees."""
    with monkeypatch.context() as patch:
        for name, value in environment(container).items():
            if name.startswith("LIMNER_"):
                field = name.removeprefix("LIMNER_").lower()
                assert field in Settings.model_fields, f"{pod.name}: {name}"
                patch.setenv(name, value)
        return Settings()


def limner_containers(manifests: list[Manifest]) -> list[tuple[Pod, Manifest]]:
    return [
        (pod, container)
        for pod in pods(manifests)
        if pod.component != "test"
        for container in pod.containers
        if "limner-" in container["image"]
    ]


def test_variables_are_settings_and_their_values_are_taken(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    containers = limner_containers(manifests)
    assert {container["name"] for _, container in containers} >= {"gateway", "triton", "exporter"}
    for pod, container in containers:
        names = [entry["name"] for entry in container["env"]]
        assert len(names) == len(set(names)), pod.name
        parsed(pod, container, monkeypatch)


def test_every_value_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting, changed, changes the pods of those who read it, in the value that was meant."""
    changed = {
        "rateLimit": "7/hour",
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "maxUploadBytes": 30_000_000,
        "maxArchiveBytes": 2_000_000_000,
        "maxArchiveEntries": 999,
        "maxUnpackedBytes": 3_000_000_001,
        "maxTasks": 11,
        "maxQueue": 21,
        "maxBatches": 3,
        "batchConcurrency": 4,
        "maxHeldBytes": 123_456_789_012,
        "taskTimeout": 59.5,
        "resultTtl": 77,
        "shutdownTimeout": 31,
        "canaryInterval": 2.5,
        "profile": "gpu",
        "precision": "fp32",
        "winograd": "off",
        "aiLabel": False,
        "aiLabelProducer": 'Müller & "Söhne"',
        "tritonOpenApis": True,
        "customWeights": True,
        "offline": True,
        "mirrors": ["https://one.example", "https://two.example/w"],
        "downloadTimeout": 1.5,
    }
    assert changed.keys() == VALUES["settings"].keys()
    seen: dict[str, Any] = {}
    for pod, container in limner_containers(render(example("cpu", settings=changed))):
        settings = parsed(pod, container, monkeypatch)
        for name in environment(container):
            field = name.removeprefix("LIMNER_").lower()
            if container["name"] == "triton" and field == ANOTHER_OF_TRITON:
                assert settings.shutdown_timeout == VALUES["triton"]["shutdownTimeout"]
            else:
                seen[camel(field)] = getattr(settings, field)
    for name, value in changed.items():
        arrived = [str(part).rstrip("/") for part in seen[name]] if isinstance(value, list) else seen[name]
        assert arrived == value, name


def test_triton_url_is_the_headless_service(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = render(example("production"))
    gateway = pod_of(rendered, "gateway")
    url = parsed(gateway, gateway.containers[0], monkeypatch).triton_url
    services = {one["metadata"]["name"]: one["spec"] for one in rendered if one["kind"] == "Service"}
    host, port = str(url).split(":")
    assert services[host]["clusterIP"] == "None"
    assert services[host]["publishNotReadyAddresses"] is False
    assert int(port) in [one["port"] for one in services[host]["ports"]]


@pytest.mark.parametrize("keys", [[], [f"alice:{'ab' * 32}"]], ids=["nobody", "alice"])
def test_gateway_would_listen(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On all addresses it refuses to without keys, unless it is told that anybody may come."""
    rendered = render(example("cpu", auth={"apiKeys": keys, "allowAnonymous": not keys}))
    gateway = pod_of(rendered, "gateway")
    entries = [one["stringData"]["limner_api_keys"] for one in rendered if one["kind"] == "Secret"]
    with monkeypatch.context() as patch:
        for entry in entries:
            patch.setenv("LIMNER_API_KEYS", entry)
        settings = parsed(gateway, gateway.containers[0], monkeypatch)
        ring = KeyRing.from_settings(settings)
        assert [key.name for key in ring] == [entry.partition(":")[0] for entry in keys]
        check_exposure(settings, ring)


def test_further_variables_stand_beside_them() -> None:
    values = example("cpu", triton__extraEnv={"OMP_NUM_THREADS": "1"}, exporter__extraEnv={"HTTPS_PROXY": "http://p:1"})
    triton = pod_of(render(values), "triton")
    exporter, server = triton.containers
    assert environment(server)["OMP_NUM_THREADS"] == "1"
    assert environment(exporter)["HTTPS_PROXY"] == "http://p:1"


def test_limits_of_uploads_reach_the_ingress() -> None:
    rendered = render(example("production", settings__maxArchiveBytes=250_000_000))
    (ingress,) = [one for one in rendered if one["kind"] == "Ingress"]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "251m"
    assert annotations["nginx.ingress.kubernetes.io/proxy-request-buffering"] == "off"
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    # The head of an answer must fit: as before the gateways of Compose.
    conf = (PROJECT_ROOT / "deploy/nginx/limner/proxy.conf").read_text("utf-8")
    head = annotations["nginx.ingress.kubernetes.io/proxy-buffer-size"]
    assert f"\nproxy_buffer_size {head};" in conf
    assert int(head.removesuffix("k")) << 10 > 2 * REPORT_HEADER_BYTES
    patience = int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"])
    assert patience > VALUES["settings"]["taskTimeout"]
    assert annotations["cert-manager.io/cluster-issuer"] == "letsencrypt"
