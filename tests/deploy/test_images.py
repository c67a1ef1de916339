"""The Dockerfiles: what they say. What the images hold is run in ``test_images_run.py``."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path, PurePosixPath

import pytest

from limner import __version__
from limner.settings import PROJECT_ROOT
from tests.deploy.image_tree import DOCKER, Dockerfile, ignored, locked

NAMES = ("gateway", "triton", "exporter")
HEAVY = {"nvidia-pytriton", "onnxruntime", "opencv-python-headless", "openvino", "torch"}


@pytest.fixture(params=NAMES)
def dockerfile(request: pytest.FixtureRequest) -> Dockerfile:
    return Dockerfile(DOCKER / f"{request.param}.Dockerfile")


def test_there_are_no_others() -> None:
    assert {path.name for path in DOCKER.glob("*.Dockerfile")} == {f"{name}.Dockerfile" for name in NAMES}


def test_hadolint_finds_nothing_and_nothing_is_hidden_from_it(dockerfile: Dockerfile) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    found = subprocess.run([hadolint, dockerfile.path], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (0, "")
    assert "hadolint" not in dockerfile.path.read_text("utf-8")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian:latest\nRUN apt-get install curl\nCMD limner serve\n")
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    found = subprocess.run([hadolint, bad], capture_output=True, text=True, timeout=60, check=False)
    assert {"DL3007", "DL3008", "DL3025"} <= set(re.findall(r"DL\d+", found.stdout))


def test_base_images_are_arguments_with_a_tag(dockerfile: Dockerfile) -> None:
    arguments = dict(text.partition("=")[::2] for text in dockerfile.all("ARG"))
    stages = {text.partition(" AS ")[2] for text in dockerfile.all("FROM")}
    for base in {text.partition(" AS ")[0] for text in dockerfile.all("FROM")} - stages:
        variable = re.fullmatch(r"\$\{(\w+)\}", base)
        assert variable, f"FROM {base} cannot be pinned by a digest from outside"
        tag = re.fullmatch(r"[a-z0-9./-]+:([A-Za-z0-9._-]+)", arguments[variable[1]])
        assert tag, arguments[variable[1]]
        assert tag[1] != "latest"


def test_an_image_runs_as_a_user_without_rights_and_without_a_shell(dockerfile: Dockerfile) -> None:
    assert dockerfile.last("USER").arguments == "10001:10001"
    assert dockerfile.last("ENTRYPOINT").words()[-1] == "limner"
    assert dockerfile.last("CMD").words()
    assert dockerfile.last("STOPSIGNAL").arguments == "SIGTERM"
    assert [step.arguments for step in dockerfile.final if step.keyword == "WORKDIR"] == ["/opt/limner"]
    assert not any("--chown" in text for text in dockerfile.all("COPY")), "the program belongs to root"


def test_health_is_what_the_probe_says() -> None:
    told = {name: Dockerfile(DOCKER / f"{name}.Dockerfile").last("HEALTHCHECK").arguments for name in NAMES}
    assert told["exporter"] == "NONE"
    for name in ("gateway", "triton"):
        words = re.search(r'CMD \["limner", "probe", "(\w+)"', told[name])
        assert words
        assert words[1] == name


def test_labels(dockerfile: Dockerfile) -> None:
    name = dockerfile.path.name.partition(".")[0]
    labels = dockerfile.pairs("LABEL")
    assert labels["org.opencontainers.image.title"] == f"limner-{name}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] == "${VERSION}"
    assert f"VERSION={__version__}" in dockerfile.all("ARG")
    assert labels["org.opencontainers.image.description"]


def test_packages_are_under_hashes_and_nothing_is_left_of_their_installation(dockerfile: Dockerfile) -> None:
    installing = [part for text in dockerfile.all("RUN") for part in text.split("&&") if " install" in f" {part}"]
    pip = [part for part in installing if "pip" in part]
    assert pip
    for part in pip:
        assert {"--no-cache-dir", "--no-deps", "--require-hashes"} <= set(part.split()), part
    text = dockerfile.path.read_text("utf-8")
    assert "apt-get" not in text
    assert "--mount=type=secret" not in text


def test_nothing_secret_is_baked_in(dockerfile: Dockerfile) -> None:
    named = " ".join([*dockerfile.all("ARG"), *dockerfile.all("ENV")])
    assert not re.search(r"(?i)(key|token|password|secret)\w*=", named)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".limner/weights/GFPGANv1.4.pth",
        ".venv/bin/python",
        "deploy/compose/secrets/tls_key",
        "deploy/compose/.env",
        "gateway/web/node_modules/vite/package.json",
        "gateway/web/dist/index.html",
        "gateway/__pycache__/app.cpython-311.pyc",
        "tests/conftest.py",
        "photo.jpg",
    ],
)
def test_the_builder_does_not_get(path: str) -> None:
    assert ignored(PurePosixPath(path))


@pytest.mark.parametrize("path", ["LICENSE", "limner/settings.py", "gateway/web/src/main.tsx", "requirements/page.txt"])
def test_the_builder_gets(path: str) -> None:
    assert not ignored(PurePosixPath(path))


def test_every_file_that_is_copied_exists_and_is_not_ignored(dockerfile: Dockerfile) -> None:
    for text in dockerfile.all("COPY"):
        if text.startswith("--from"):
            continue
        for source in text.split()[:-1]:
            found = list(PROJECT_ROOT.glob(source))
            assert found, source
            assert not any(ignored(PurePosixPath(path.relative_to(PROJECT_ROOT))) for path in found), source


def test_locks_have_the_versions_that_are_tested() -> None:
    tested = {**locked("export"), **locked("serve")}
    for name in NAMES:
        own = locked(name)
        assert own
        assert own.items() <= tested.items(), "run `make lock`"


def test_the_gateway_is_slim_and_triton_brings_itself() -> None:
    assert not HEAVY & set(locked("gateway"))
    assert set(locked("triton")) & HEAVY == HEAVY - {"nvidia-pytriton", "torch"}
    assert "nvidia-pytriton" not in locked("exporter")


def test_locks_follow_what_they_are_made_from() -> None:
    for name in NAMES:
        lines = (PROJECT_ROOT / "requirements" / f"{name}.in").read_text("utf-8").splitlines()
        wanted = {line.partition("[")[0] for line in lines if line and not line.startswith("#")}
        assert wanted <= set(locked(name)), "run `make lock`"
