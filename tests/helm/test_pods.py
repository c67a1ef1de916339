"""Rules that every pod keeps: those of the pod security standard `restricted`, and Limner's own."""

from __future__ import annotations

import pytest

from tests.helm.chart import Manifest, Pod, example, named, of_kind, pod_of, pods, render, selects

SECRETS = "/run/secrets"


@pytest.fixture(params=["cpu", "gpu", "production", "own-redis"])
def all_pods(request: pytest.FixtureRequest) -> list[Pod]:
    name = "production" if request.param == "own-redis" else request.param
    changes = {"redis__existingSecret": ""} if request.param == "own-redis" else {}
    return list(pods(render(example(name, **changes))))


def test_every_component_is_there(manifests: list[Manifest]) -> None:
    assert {pod.component for pod in pods(manifests)} >= {"gateway", "triton", "test"}


def test_nobody_is_root(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True, pod.name
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"], pod.name
        assert security["runAsUser"] == (999 if pod.component == "redis" else 10001), pod.name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name


def test_containers_can_do_nothing_but_run(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, pod.name
            assert security["readOnlyRootFilesystem"] is True, pod.name
            assert security["capabilities"] == {"drop": ["ALL"]}, pod.name
            assert not {"privileged", "runAsUser", "procMount"} & security.keys(), pod.name


def test_nothing_of_the_node_is_shared(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & pod.spec.keys(), pod.name
        for volume in pod.spec.get("volumes", []):
            assert set(volume) - {"name"} <= {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        assert not [port for container in pod.containers for port in container.get("ports", []) if "hostPort" in port]


def test_nobody_gets_a_token_or_variables_of_services(all_pods: list[Pod]) -> None:
    """A token would lie below /run/secrets; a service named limner would set LIMNER_PORT to tcp://…"""
    for pod in all_pods:
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        assert pod.spec["enableServiceLinks"] is False, pod.name
        for volume in pod.spec.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [])
            assert not [source for source in sources if "serviceAccountToken" in source], pod.name


def test_service_accounts_exist_and_have_no_token(manifests: list[Manifest]) -> None:
    used = {pod.spec["serviceAccountName"] for pod in pods(manifests)}
    for name in used:
        assert named(manifests, "ServiceAccount", name)["automountServiceAccountToken"] is False
    assert used == {account["metadata"]["name"] for account in of_kind(manifests, "ServiceAccount")}
    assert not of_kind(manifests, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def test_resources_are_set_and_memory_is_never_swapped(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert {"cpu", "memory"} <= requests.keys() == limits.keys(), pod.name
            assert requests["memory"] == limits["memory"], pod.name


def test_pods_that_stay_are_probed(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        for container in pod.spec["containers"] if pod.runs_on else []:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), pod.name


def test_probes_of_triton_send_a_photo() -> None:
    (triton,) = pod_of(render(example("production")), "triton").spec["containers"]
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = triton[kind]["exec"]["command"]
        assert command[:3] == ["limner", "probe", "triton"]
        # A full one takes part, and is not started anew; only what starts must have room.
        assert ("--alive" in command) == (kind != "startupProbe")
        patience = int(command[command.index("--timeout") + 1])
        assert triton[kind]["timeoutSeconds"] > patience, "Kubernetes would end it before it can tell why"


def test_gateway_is_ready_by_its_canary_and_alive_by_its_process() -> None:
    (gateway,) = pod_of(render(example("production")), "gateway").spec["containers"]
    assert gateway["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert gateway["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_images_are_pinned(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            _, _, tag = container["image"].rpartition(":")
            assert "/" not in tag, pod.name
            assert tag.lower() != "latest", pod.name
            assert container["imagePullPolicy"] == "IfNotPresent"


def test_pods_that_stay_are_spread(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        if pod.runs_on:
            constraints = pod.spec["topologySpreadConstraints"]
            assert {one["topologyKey"] for one in constraints} == {
                "kubernetes.io/hostname",
                "topology.kubernetes.io/zone",
            }
            for one in constraints:
                assert selects(one["labelSelector"]["matchLabels"], pod.labels), pod.name


def test_photos_are_in_memory_only(all_pods: list[Pod]) -> None:
    """What a gateway or a Triton may write to is a tmpfs; but for models and engines, which hold no photos."""
    for pod in all_pods:
        if pod.component not in {"gateway", "triton"}:
            continue
        for volume in pod.spec["volumes"]:
            if volume["name"] not in {"models", "engines", "exporter-data", "exporter-tmp"} and "emptyDir" in volume:
                assert volume["emptyDir"]["medium"] == "Memory", f"{pod.name} {volume['name']}"
                assert volume["emptyDir"]["sizeLimit"], f"{pod.name} {volume['name']}"
        for container in pod.spec["containers"]:
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert "/tmp" in mounts
            if pod.component == "triton":
                assert mounts["/opt/limner/.limner/models"]["readOnly"] is True
                assert {"/dev/shm", "/opt/limner/.limner/run"} <= mounts.keys()


def test_redis_can_write_to_no_disk() -> None:
    """Nor to the folder that its image declares a volume: unless mounted, runtimes put that on the node's disk."""
    redis = pod_of(render(example("production", redis__existingSecret="")), "redis")
    (container,) = redis.containers
    (writable,) = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable["mountPath"] == "/data"
    (volume,) = [volume for volume in redis.spec["volumes"] if volume["name"] == writable["name"]]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}


def test_secrets_are_files() -> None:
    gateway = pod_of(render(example("production")), "gateway")
    (container,) = gateway.containers
    assert not [entry for entry in container["env"] if "valueFrom" in entry]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == SECRETS]
    (volume,) = [volume for volume in gateway.spec["volumes"] if volume["name"] == mount["name"]]
    paths = [item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]]
    assert paths == ["limner_api_keys", "limner_redis_url"]
    assert volume["projected"]["defaultMode"] == 0o440
    assert mount["readOnly"] is True


def test_grace_is_long_enough(all_pods: list[Pod]) -> None:
    for pod in all_pods:
        if pod.component in {"gateway", "triton"}:
            (container,) = pod.spec["containers"]
            goes_on = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            variables = {entry["name"]: entry.get("value") for entry in container["env"]}
            # docs/operation.md: the shutdown timeout and some 20 seconds; Triton ends within 15.
            own = int(variables.get("LIMNER_SHUTDOWN_TIMEOUT", "0")) + 20
            assert pod.spec["terminationGracePeriodSeconds"] >= goes_on + own, pod.name


def test_several_pods_have_a_budget(manifests: list[Manifest]) -> None:
    scaled = {
        scaler["spec"]["scaleTargetRef"]["name"]
        for scaler in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject")
    }
    budgets = of_kind(manifests, "PodDisruptionBudget")
    for pod in pods(manifests):
        if pod.runs_on and (pod.owner["metadata"]["name"] in scaled or pod.owner["spec"]["replicas"] > 1):
            (budget,) = [one for one in budgets if selects(one["spec"]["selector"]["matchLabels"], pod.labels)]
            assert budget["spec"]["maxUnavailable"] == 1
    for deployment in of_kind(manifests, "Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in scaled)
