"""The Compose files: how containers hang together, with each other and with the files that they are given."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import yaml

from limner.settings import PROJECT_ROOT, Settings
from tests.deploy.compose_file import COMPOSE, OURS, VARIABLE, load, on_top, seconds, text_of, with_gpu
from tests.deploy.image_tree import DOCKER

FILE = load("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
NETWORKS: dict[str, dict[str, Any]] = FILE["networks"]
GPU: dict[str, dict[str, Any]] = with_gpu()["services"]
DEPLOY = PROJECT_ROOT / "deploy"


def test_what_is_mounted_exists_and_is_read_only() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            if source.startswith("."):
                assert (COMPOSE / source).exists(), f"{name}: {mount}"
                assert mode == ["ro"], f"{name}: {mount}"
            elif not source.startswith("/"):
                assert source in FILE["volumes"], f"{name}: {mount}"
            assert PurePosixPath(target).is_absolute()


def test_volumes_of_limner_are_folders_that_images_have_for_its_user() -> None:
    for name in OURS:
        text = (DOCKER / f"{name}.Dockerfile").read_text("utf-8")
        for mount in GPU[name].get("volumes", []):
            target = mount.split(":")[1]
            assert re.search(rf"install -d -o 10001 -g 10001 .*{target}\b", text), mount
    assert "models:/opt/limner/.limner/models:ro" in SERVICES["triton"]["volumes"]


def test_programs_may_be_run_from_tritons_run_files_and_from_nowhere_else() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("tmpfs", []):
            target, options = mount.split(":")
            assert ("exec" in options.split(",")) == (target == "/opt/limner/.limner/run"), f"{name}: {mount}"
            assert "size=" in options


def test_nginx_alone_is_reached_from_other_machines() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            if name == "nginx":
                assert port.startswith("127.0.0.1:"), "the default is this machine"
            else:
                assert name in {"prometheus", "grafana"}
                assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), "and no variable changes that"
    assert 'ports: ["127.0.0.1:' in text_of("compose.yaml")


def test_networks_lead_out_only_where_somebody_has_to_go() -> None:
    inside = {name for name, network in NETWORKS.items() if network.get("internal")}
    unmasked = {name for name in NETWORKS if "enable_ip_masquerade" in str(NETWORKS[name])}
    assert set(NETWORKS) - inside - unmasked == {"downloads", "shipping"}
    for name in ("gateway", "triton", "redis"):
        assert set(SERVICES[name]["networks"]) <= inside
    who = {network: {name for name in SERVICES if network in SERVICES[name]["networks"]} for network in NETWORKS}
    assert who["inference"] == {"gateway", "triton"}
    assert who["state"] == {"gateway", "redis"}
    assert who["front"] == {"gateway", "nginx"}
    assert who["downloads"] == {"exporter"}
    assert who["shipping"] == {"filebeat"}


def test_prometheus_alone_gets_a_way_out_to_an_alertmanager_and_only_on_request() -> None:
    both = on_top("compose.alerting.yaml")
    assert both["networks"] == {**NETWORKS, "alerting": {}}
    assert {name for name in SERVICES if SERVICES[name] != both["services"][name]} == {"prometheus"}
    networks = both["services"]["prometheus"]["networks"]
    assert networks == [*SERVICES["prometheus"]["networks"], "alerting"]
    # Docker's default route goes through the first by name of those that are not internal.
    assert min(name for name in networks if not both["networks"][name].get("internal")) == "alerting"
    page = (PROJECT_ROOT / "docs" / "monitoring.md").read_text("utf-8")
    assert "-f deploy/compose/compose.yaml -f deploy/compose/compose.alerting.yaml up" in page
    assert f"`{FILE['name']}_observe`" in page
    assert "observe" in networks


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    for name, secret in FILE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    used = [secret for service in SERVICES.values() for secret in service.get("secrets", [])]
    assert sorted(used) == sorted(FILE["secrets"]), "each goes to one service"
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"(?i)key|password|token|secret", key):
                assert str(value).startswith("/run/secrets/"), key
    assert "secrets/" in text_of(".gitignore").splitlines()


def test_services_get_the_time_to_end_that_they_ask_for() -> None:
    settings = Settings()
    assert seconds(SERVICES["gateway"]["stop_grace_period"]) >= settings.shutdown_timeout + 20
    assert seconds(SERVICES["triton"]["stop_grace_period"]) >= 20
    assert seconds(GPU["triton"]["healthcheck"]["start_period"]) == 3600


def test_triton_waits_for_the_models() -> None:
    assert SERVICES["triton"]["depends_on"] == {"exporter": {"condition": "service_completed_successfully"}}
    # Started before Triton is ready, gateways would be unhealthy for too long, and `up` would give up.
    assert SERVICES["gateway"]["depends_on"]["triton"] == {"condition": "service_healthy"}
    assert SERVICES["gateway"]["deploy"] == {"replicas": 2}
    assert SERVICES["gateway"]["environment"]["LIMNER_TRITON_URL"] == "triton:8001"


def test_redis_leaves_room_for_what_it_does_not_count() -> None:
    (bound,) = re.findall(r"^maxmemory (\d+)gb$", text_of("redis.conf"), re.MULTILINE)
    assert int(bound) * 1024 <= 0.8 * int(SERVICES["redis"]["mem_limit"].removesuffix("m"))


def test_nginx_gets_the_variables_of_its_template() -> None:
    template = (DEPLOY / "nginx" / "templates" / "limner.conf.template").read_text("utf-8")
    given = SERVICES["nginx"]["environment"]
    assert set(re.findall(r"\$\{(LIMNER_\w+)\}", template)) <= set(given)
    assert all(re.match(given["NGINX_ENVSUBST_FILTER"], name) for name in given if not name.startswith("NGINX_"))
    included = re.findall(r"include (/\S+);", (DEPLOY / "nginx" / "nginx.conf").read_text("utf-8"))
    assert included == [f"{given['NGINX_ENVSUBST_OUTPUT_DIR']}/limner.conf"]


def test_secrets_lie_where_they_are_looked_for() -> None:
    texts = {
        "nginx": "".join(path.read_text("utf-8") for path in (DEPLOY / "nginx").rglob("*.conf")),
        "prometheus": (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"),
        "redis": text_of("redis.conf"),
        "grafana": str(SERVICES["grafana"]["environment"]),
        "filebeat": str(SERVICES["filebeat"]["command"]),
    }
    for name, text in texts.items():
        assert set(re.findall(r"/run/secrets/(\w+(?:\.(?:conf|yml))?)", text)) == set(SERVICES[name]["secrets"]), name


def test_filebeat_takes_the_lines_of_these_containers() -> None:
    config = yaml.safe_load((DEPLOY / "filebeat" / "filebeat.yml").read_text("utf-8"))
    (kept,) = [step["drop_event"]["when"]["not"]["regexp"] for step in config["processors"] if "drop_event" in step]
    tag = SERVICES["gateway"]["logging"]["options"]["tag"].replace("{{.Name}}", "limner-gateway-1")
    assert re.search(kept["docker.attrs.tag"], tag)
    assert not re.search(kept["docker.attrs.tag"], "somebody-elses/limner/x")
    (source,) = config["filebeat.inputs"]
    assert all(path.startswith("/var/lib/docker/containers/") for path in source["paths"])
    assert set(VARIABLE.findall(str(config))) == {("ELASTICSEARCH_HOSTS", "")}
    assert "api_key" not in str(config)
    assert SERVICES["filebeat"]["profiles"] == ["elastic"]


def test_the_gpu_is_asked_for_in_the_other_file_only() -> None:
    assert "nvidia" not in text_of("compose.yaml")
    (device,) = GPU["triton"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert {name for name in SERVICES if SERVICES[name] != GPU[name]} == {"exporter", "triton"}
