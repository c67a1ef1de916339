"""What one object says of another is true: selectors, ports, Secrets, claims, targets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from limner.settings import PROJECT_ROOT
from tests.helm.chart import EXAMPLES, Manifest, example, named, of_kind, pod_of, pods, render, selects

FROM_OUTSIDE = {
    "cpu": set(),
    "gpu": {"limner-api-keys", "limner-test-key"},
    "production": {"limner-api-keys", "limner-redis", "limner-metrics-key", "limner-test-key", "photos-example-tls"},
}
"""Secrets that an example names and the operator makes."""

CLAIM = "persistentVolumeClaim"


def test_selectors_find_their_own_pods_and_no_others(manifests: list[Manifest]) -> None:
    for deployment in of_kind(manifests, "Deployment"):
        selector = deployment["spec"]["selector"]["matchLabels"]
        found = {pod.name for pod in pods(manifests) if selects(selector, pod.labels)}
        assert found == {f"Deployment/{deployment['metadata']['name']}"}


def test_services_lead_to_ports_that_exist(manifests: list[Manifest]) -> None:
    for service in of_kind(manifests, "Service"):
        found = [pod for pod in pods(manifests) if selects(service["spec"]["selector"], pod.labels)]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"]: port["containerPort"] for port in found[0].spec["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"], service["metadata"]["name"]


def test_probes_ask_ports_that_exist(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        for container in pod.spec["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                for way in ("httpGet", "tcpSocket"):
                    assert container.get(probe, {}).get(way, {"port": next(iter(ports), "")})["port"] in ports | {""}


def test_budgets_monitors_and_scalers_name_what_is_there(manifests: list[Manifest]) -> None:
    deployments = {one["metadata"]["name"] for one in of_kind(manifests, "Deployment")}
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in deployments
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        assert len([pod for pod in pods(manifests) if selects(selector, pod.labels)]) == 1
    for route in of_kind(manifests, "Ingress"):
        backend = route["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        service = named(manifests, "Service", backend["name"])
        assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]


def secrets_of(manifests: list[Manifest]) -> Iterator[tuple[str, set[str]]]:
    """Every Secret that something names, with the keys that are asked for."""
    for pod in pods(manifests):
        for volume in pod.spec.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                yield source["secret"]["name"], {item["key"] for item in source["secret"]["items"]}
            if "secret" in volume:
                yield volume["secret"]["secretName"], {item["key"] for item in volume["secret"]["items"]}
        for container in pod.containers:
            for entry in container.get("env", []):
                if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                    yield reference["name"], {reference["key"]}
    for monitor in of_kind(manifests, "ServiceMonitor"):
        if key := monitor["spec"]["endpoints"][0].get("authorization"):
            yield key["credentials"]["name"], {key["credentials"]["key"]}
    for ingress in of_kind(manifests, "Ingress"):
        yield ingress["spec"]["tls"][0]["secretName"], set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_secrets_are_of_the_release_or_named_by_the_values(name: str) -> None:
    rendered = render(example(name))
    own = {one["metadata"]["name"]: one["stringData"].keys() for one in of_kind(rendered, "Secret")}
    outside = set()
    for secret, keys in secrets_of(rendered):
        if secret in own:
            assert keys <= own[secret]
        else:
            outside.add(secret)
    assert outside == FROM_OUTSIDE[name]
    assert own.keys() <= {secret for secret, _ in secrets_of(rendered)}, "a Secret that nobody uses"


def names_from_outside(example_of: str, manifests: list[Manifest]) -> set[str]:
    """Whatever must be in the cluster before, by name."""
    names = set(FROM_OUTSIDE[example_of])
    for pod in pods(manifests):
        names |= {secret["name"] for secret in pod.spec.get("imagePullSecrets", [])}
        names |= {f"{key}: {value}" for key, value in pod.spec.get("nodeSelector", {}).items()}
        names |= {pod.spec[key] for key in ("priorityClassName", "runtimeClassName") if key in pod.spec}
        names |= {one[CLAIM]["claimName"] for one in pod.spec.get("volumes", []) if CLAIM in one}
    names |= {claim["spec"].get("storageClassName") for claim in of_kind(manifests, "PersistentVolumeClaim")} - {None}
    return names - {one["metadata"]["name"] for one in manifests}


@pytest.mark.parametrize("name", ["gpu", "production"])
def test_page_says_of_each_name_from_outside_how_to_get_it(name: str) -> None:
    section = (PROJECT_ROOT / "docs" / "kubernetes.md").read_text("utf-8").partition("## In earnest")[2]
    rows = re.findall(r"^\| (`.+?) \| .+ \| .+ \|$", section.partition("\nFirst the keys")[0], re.MULTILINE)
    told = set(re.findall(r"`([^`]+)`", " ".join(rows)))
    names = names_from_outside(name, render(example(name)))
    assert names >= FROM_OUTSIDE[name] | {"registry"}
    assert {one.removesuffix(": true") for one in names} <= told


def test_generated_secrets_have_what_is_asked_for() -> None:
    rendered = render(example("production", redis__existingSecret="", auth={"apiKeys": [f"a:{'1' * 64}"]}))
    own = {one["metadata"]["name"]: one["stringData"] for one in of_kind(rendered, "Secret")}
    wanted = dict(secrets_of(rendered))
    assert own.keys() == {"photos-limner-api-keys", "photos-limner-redis"} <= wanted.keys()
    password = own["photos-limner-redis"]["password"]
    assert len(password) >= 32
    assert password.isalnum()
    assert own["photos-limner-redis"]["url"] == f"redis://:{password}@photos-limner-redis:6379/0"
    service = named(rendered, "Service", "photos-limner-redis")
    assert service["spec"]["ports"][0]["port"] == 6379


def test_volumes_claims_and_maps_are_there(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        assert volumes.keys() == mounted, pod.name
        for volume in volumes.values():
            if "configMap" in volume:
                named(manifests, "ConfigMap", volume["configMap"]["name"])
            claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
            if claim and claim != "engines":  # of ci/gpu, made by the operator
                named(manifests, "PersistentVolumeClaim", claim)


def mounts(container: Manifest) -> dict[str, Manifest]:
    return {mount["mountPath"]: mount for mount in container["volumeMounts"]}


def test_triton_finds_what_the_job_exports() -> None:
    rendered = render(example("production"))
    (exporter,), (triton,) = (pod_of(rendered, name).containers for name in ("exporter", "triton"))
    written, read = (mounts(one)["/opt/limner/.limner/models"] for one in (exporter, triton))
    assert written["subPath"] == read["subPath"]
    assert written["subPath"].startswith("0.1.0-cpu-")
    assert triton["args"] == ["triton", "--wait", "3600"]
    assert "readOnly" not in written
    assert mounts(exporter)["/opt/limner/.limner/weights"]["subPath"] == "weights"
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for name in ("exporter", "triton")
        for volume in pod_of(rendered, name).spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"photos-limner-models"}


def test_triton_finds_what_its_init_container_exports() -> None:
    exporter, triton = pod_of(render(example("cpu")), "triton").containers
    written, read = (mounts(one)["/opt/limner/.limner/models"] for one in (exporter, triton))
    assert written == {"name": "models", "mountPath": "/opt/limner/.limner/models"}
    assert read == {**written, "readOnly": True}
    assert triton["args"] == ["triton", "--wait", "0"]


def test_claim_of_the_operator_is_used_as_it_is() -> None:
    rendered = render(example("cpu", models={"source": "existingClaim", "existingClaim": "mine", "subPath": "v1"}))
    assert not of_kind(rendered, "Job", "PersistentVolumeClaim")
    triton = pod_of(rendered, "triton")
    (container,) = triton.containers
    assert mounts(container)["/opt/limner/.limner/models"]["subPath"] == "v1"
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "mine"}} in triton.spec["volumes"]


def test_nothing_is_a_hook_but_the_test(manifests: list[Manifest]) -> None:
    """A hook that Triton waits for would never be run by `helm install --wait`."""
    hooks = [one for one in manifests if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert [(one["kind"], one["metadata"]["annotations"]["helm.sh/hook"]) for one in hooks] == [("Pod", "test")]


def test_gpus_are_asked_for_with_the_profile() -> None:
    triton = pod_of(render(example("gpu")), "triton")
    (container,) = triton.containers
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["resources"]["requests"]["nvidia.com/gpu"] == 1
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in triton.spec["tolerations"]
    assert triton.spec["runtimeClassName"] == "nvidia"
    assert mounts(container)["/opt/limner/.limner/tensorrt"]["subPath"] == "tensorrt-0.1.0"
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 3600 + 3600
    assert not [one for one in triton.containers if "readOnly" in mounts(one)["/opt/limner/.limner/tensorrt"]]
    assert "nvidia.com/gpu" not in pod_of(render(example("cpu")), "triton").containers[-1]["resources"]["limits"]
