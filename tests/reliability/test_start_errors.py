"""Wrong configuration is found at start: exit code 1, one sentence that names it, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from limner.catalog import CATALOG_FILE
from limner.gpu import has_gpu
from serving.explain import explained
from tests.deploy.nginx_server import write_certificate
from tests.gateway.redis_server import StartRedis
from tests.reliability.starting import Ended, run

pytest_plugins = ["tests.gateway.redis_server"]

pytestmark = pytest.mark.timeout(120)

NO_TRITON = {"LIMNER_TRITON_URL": "127.0.0.1:1"}
"""Found before anything is started; without it, the embedded server would be."""

FREE_PORTS = {"LIMNER_TRITON_GRPC_PORT": "0", "LIMNER_TRITON_METRICS_PORT": "0"}

WRONG: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "port is no number": ({"LIMNER_PORT": "seventy"}, ("LIMNER_PORT", "'seventy'")),
    "host is not of this machine": (
        {"LIMNER_HOST": "192.0.2.1", "LIMNER_ALLOW_ANONYMOUS": "1"},
        ("192.0.2.1", "Set LIMNER_HOST"),
    ),
    "host has no address": (
        {"LIMNER_HOST": "nowhere.invalid", "LIMNER_ALLOW_ANONYMOUS": "1"},
        ("nowhere.invalid", "Set LIMNER_HOST"),
    ),
    "host is public without keys": ({"LIMNER_HOST": "0.0.0.0"}, ("LIMNER_HOST", "limner key")),
    "Triton's address is none": ({"LIMNER_TRITON_URL": "nonsense"}, ("LIMNER_TRITON_URL", "host:port")),
    "Redis is something else": ({"LIMNER_REDIS_URL": "http://localhost"}, ("LIMNER_REDIS_URL", "redis://host:port/0")),
    "Redis has a port of letters": (
        {"LIMNER_REDIS_URL": "redis://:secret@127.0.0.1:abc/0"},
        ("LIMNER_REDIS_URL", "redis://"),
    ),
    "keys are malformed": ({"LIMNER_API_KEYS": "alice:secret"}, ("LIMNER_API_KEYS", "entry 1", "limner key")),
    "rate limit is none": ({"LIMNER_RATE_LIMIT": "often"}, ("LIMNER_RATE_LIMIT", "10/minute")),
    "proxies are everyone": ({"LIMNER_TRUSTED_PROXIES": "0.0.0.0/0"}, ("LIMNER_TRUSTED_PROXIES", "everyone")),
    "certificate without a key": ({"LIMNER_TLS_CERT": "/etc/hostname"}, ("LIMNER_TLS_CERT", "LIMNER_TLS_KEY")),
    "audit log in no folder": ({"LIMNER_AUDIT_LOG": "/nowhere/audit.log"}, ("LIMNER_AUDIT_LOG", "folder that exists")),
    "audit log is a folder": ({"LIMNER_AUDIT_LOG": "/tmp"}, ("LIMNER_AUDIT_LOG", "directory")),
    "profile is unknown": ({"LIMNER_PROFILE": "quantum"}, ("LIMNER_PROFILE", "'cpu'")),
    "profile is not for the embedded server": (
        {"LIMNER_PROFILE": "tensorrt", "LIMNER_TRITON_URL": ""},
        ("LIMNER_PROFILE=tensorrt", "LIMNER_TRITON_URL"),
    ),
}
"""What is set, and what the sentence names; without a server of any kind."""


def require_told(ended: Ended, *named: str) -> None:
    assert ended.code == 1, ended.output
    assert "Traceback" not in ended.output
    assert all(part in ended.told for part in named), ended.told
    assert "secret" not in ended.output
    assert ended.left_behind == []


@pytest.mark.parametrize(("settings", "named"), WRONG.values(), ids=list(WRONG))
def test_wrong_settings(settings: dict[str, str], named: tuple[str, ...]) -> None:
    require_told(run(["serve"], **{**NO_TRITON, **settings}), *named)


def test_profile_gpu_without_a_gpu() -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU")
    for command in ("serve", "triton"):
        require_told(run([command], LIMNER_PROFILE="gpu", **FREE_PORTS), "LIMNER_PROFILE=gpu", "LIMNER_PROFILE=cpu")


@pytest.mark.parametrize("name", ["my photos", "a:b"])
def test_a_path_that_triton_cannot_run_in(tmp_path: Path, name: str) -> None:
    """Before the hours of an export."""
    require_told(run(["serve"], LIMNER_DATA=str(tmp_path / name), **FREE_PORTS), "LIMNER_DATA", "a space or a colon")
    assert not (tmp_path / name).exists()


def test_ports_that_are_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        require_told(run(["serve"], LIMNER_PORT=port, **NO_TRITON), f"127.0.0.1:{port}", "set LIMNER_PORT")


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    good, key, other = tmp_path / "cert", tmp_path / "key", tmp_path / "other"
    write_certificate(good, key)
    write_certificate(tmp_path / "unused", other)
    text = tmp_path / "text"
    text.write_text("no PEM")
    for cert, private, named in (
        (text, key, "LIMNER_TLS_CERT"),
        (good, text, "LIMNER_TLS_KEY"),
        (good, other, "LIMNER_TLS_KEY does not go with LIMNER_TLS_CERT"),
        (tmp_path / "missing", key, "LIMNER_TLS_CERT"),
    ):
        require_told(run(["serve"], LIMNER_TLS_CERT=str(cert), LIMNER_TLS_KEY=str(private), **NO_TRITON), named)


def test_redis_that_lets_nobody_in_or_writes_to_disk(start_redis: StartRedis) -> None:
    closed, snapshots = start_redis("--requirepass", "right"), start_redis("--save", "900", "1")
    plain = start_redis()
    for url, named in (
        (f"redis://:secret@127.0.0.1:{closed.port}/0", "password"),
        (closed.url, "password"),
        (f"redis://127.0.0.1:{plain.port}/99", "DB index is out of range"),
        (snapshots.url, 'redis-server --save "" --appendonly no'),
    ):
        require_told(run(["serve"], LIMNER_REDIS_URL=url, **NO_TRITON), "LIMNER_REDIS_URL", named)


def test_models_that_are_missing_or_unreadable(tmp_path: Path) -> None:
    catalog = tmp_path / "models" / CATALOG_FILE
    triton = ["triton"]
    require_told(run(triton, LIMNER_DATA=str(tmp_path), **FREE_PORTS), str(catalog), "limner export", "LIMNER_DATA")
    catalog.parent.mkdir()
    older = {"models": [{"role": "detector", "model": "retinaface"}]}
    for content in ("{", "[]", json.dumps(older)):
        catalog.write_text(content)
        require_told(run(triton, LIMNER_DATA=str(tmp_path), **FREE_PORTS), str(catalog), "limner export", "LIMNER_DATA")


def copied(models: Path, target: Path) -> Path:
    """The exported models below ``target``, their files linked."""
    shutil.copytree(models, target / "models", copy_function=os.link)
    return target


def test_a_truncated_model_is_named(models_dir: Path) -> None:
    # Links need one file system.
    folder = models_dir.parent / f"truncated-{os.getpid()}"
    try:
        weights = copied(models_dir, folder) / "models" / "retinaface" / "1" / "model.bin"
        content = weights.read_bytes()
        weights.unlink()
        weights.write_bytes(content[: len(content) // 2])
        ended = run(["triton"], LIMNER_DATA=str(folder), **FREE_PORTS)
        require_told(ended, "model 'retinaface'", "limner export", "LIMNER_DATA")
        assert not list((folder / "run").iterdir())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_shared_memory_that_is_too_small(models_dir: Path) -> None:
    """A mount namespace of its own has a small ``/dev/shm``, as containers have without a word of how large."""
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare -m is not allowed here, which takes root")  # no missing tool: a matter of the container
    script = 'mount -t tmpfs -o size=32m tmpfs /dev/shm && exec "$@"'
    ended = run(["triton"], [program, "-m", "sh", "-c", script, "sh"], **FREE_PORTS)
    require_told(ended, "/dev/shm", "--shm-size=2g")


@pytest.mark.parametrize(
    ("log", "named"),
    [
        (
            "E \"failed: ServingError: model 'sface': version 1 has no file 'model.xml' (it holds: nothing)\\n\\nAt",
            "sface",
        ),
        ("E something else", "It said:\nE something else"),
    ],
)
def test_the_cause_is_picked_out_of_tritons_log(log: str, named: str) -> None:
    assert named in explained(log)
    assert "At" not in explained(log)
