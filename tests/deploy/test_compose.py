"""The Compose files: what they promise of every container. No Docker is needed, and none is started."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from limner import __version__
from limner.settings import Settings
from tests.deploy.compose_file import COMPOSE, OURS, VARIABLE, load, text_of, with_gpu
from tests.deploy.image_tree import DOCKER, Dockerfile

FILE = load("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
NETWORKS: dict[str, dict[str, Any]] = FILE["networks"]
GPU: dict[str, dict[str, Any]] = with_gpu()["services"]

every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the package check-jsonschema needs Python 3.11 or later")
@pytest.mark.parametrize(("content", "code"), [(None, 0), ("services: {a: {image: b:1, memory: 3}}", 1)])
def test_files_follow_the_schema_which_would_find_an_error(content: str | None, code: int, tmp_path: Path) -> None:
    files = sorted(COMPOSE.glob("compose*.yaml"))
    assert len(files) == 3
    if content is not None:
        files = [tmp_path / "compose.yaml"]
        files[0].write_text(content)
    program = Path(sysconfig.get_path("scripts"), "check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", *map(str, files)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == code, run.stdout


def test_variables_are_told_of_with_their_defaults() -> None:
    used: dict[str, str] = {}
    for name in sorted(path.name for path in COMPOSE.glob("compose*.yaml")):
        for variable, default in VARIABLE.findall(text_of(name)):
            assert used.setdefault(variable, default) == default, f"{variable} has two defaults"
    lines = [line for line in text_of(".env.example").splitlines() if line and not line.startswith("#")]
    assert used == dict(line.split("=", 1) for line in lines)


@every_service
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 1}
    assert service["logging"]["options"].keys() >= {"max-size", "max-file", "tag"}


@every_service
def test_a_service_has_limits_and_no_swap(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"] == service["memswap_limit"]
    assert service["pids_limit"] > 0
    # Triton is what the machine is for: it may have all cores, but gives way.
    assert "cpus" in service or (name == "triton" and service["cpu_shares"] < 1024)


@every_service
def test_a_service_is_started_again_and_asked_how_it_is(name: str) -> None:
    service = SERVICES[name]
    if name == "exporter":
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "retries", "start_period"}


@every_service
def test_an_image_has_a_tag(name: str) -> None:
    service = SERVICES[name]
    repository, _, tag = service["image"].rpartition(":")
    assert repository
    assert tag[0].isdigit() or re.match(r"v\d", tag)
    if name in OURS:
        assert service["image"] == f"limner-{name}:{__version__}"
        assert service["build"]["args"] == {"VERSION": __version__}
        assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
            DOCKER / f"{name}.Dockerfile"
        )
        assert service["pull_policy"] == "never", "nobody publishes these images: who did would not be us"


@every_service
def test_nobody_is_root_but_who_reads_dockers_files(name: str) -> None:
    service = SERVICES[name]
    assert name in OURS or int(service["user"].partition(":")[0]) > 0 or name == "filebeat"


@pytest.mark.parametrize("services", [SERVICES, GPU], ids=["cpu", "gpu"])
@pytest.mark.parametrize("name", OURS)
def test_settings_take_what_a_service_is_given(
    services: dict[str, dict[str, Any]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    baked = Dockerfile(DOCKER / f"{name}.Dockerfile").pairs("ENV")
    given = {
        **{key: value for key, value in baked.items() if key.startswith("LIMNER_")},
        **services[name]["environment"],
    }
    known = {f"LIMNER_{field.upper()}" for field in Settings.model_fields}
    assert set(given) <= known
    for key, value in given.items():
        monkeypatch.setenv(key, str(value))
    settings = Settings()
    assert settings.profile == ("gpu" if services is GPU and name != "gateway" else "cpu")
    if name == "gateway":
        assert settings.triton_url
        (trusted,) = settings.trusted_proxies
        assert str(trusted) == NETWORKS["front"]["ipam"]["config"][0]["subnet"]
        assert ipaddress.ip_network(str(trusted)).is_private
