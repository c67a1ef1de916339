"""What ``helm test`` runs, run here: against a real gateway and Triton, with and without keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.access.keys import hash_of
from limner.settings import PROJECT_ROOT
from serving.process import free_port
from tests.gateway.replica import Replica
from tests.helm.chart import example, pod_of, render

KEY, OTHER = "limner_" + 43 * "k", "limner_" + 43 * "o"


def run(port: int, key: str = "", seconds: int = 300) -> subprocess.CompletedProcess[str]:
    """The container's program with its variables, but for the address and the key."""
    (container,) = pod_of(render(example("gpu")), "test").containers
    interpreter, flag = container["command"]
    assert interpreter == "/opt/venv/bin/python"  # where the gateway's image has it
    (script,) = container["args"]
    (server, reference) = container["env"]
    assert server == {"name": "SERVER", "value": "http://photos-limner-gateway:8000"}
    assert reference["valueFrom"]["secretKeyRef"] == {"name": "limner-test-key", "key": "key"}
    assert "\nSECONDS = 300\n" in script
    script = script.replace("\nSECONDS = 300\n", f"\nSECONDS = {seconds}\n")
    environment = {**os.environ, "SERVER": f"http://127.0.0.1:{port}", "LIMNER_API_KEY": key}
    command = [sys.executable, flag, script]
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_picture_comes_back(triton_url: str, tmp_path: Path) -> None:
    gateway = Replica(triton_url, tmp_path / "log").wait()
    try:
        done = run(gateway.port)
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            "A picture of 32 pixels a side came back with 64.\n",
            "",
        )
        done = run(gateway.port, KEY)
        assert done.returncode == 1
        assert "the gateway took a picture without" in done.stderr
    finally:
        gateway.stop()


def test_key_opens_and_others_do_not(triton_url: str, tmp_path: Path) -> None:
    gateway = Replica(triton_url, tmp_path / "log", LIMNER_API_KEYS=f"test:{hash_of(KEY)}").wait()
    try:
        done = run(gateway.port, KEY)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "Without a key: refused, as it should be.",
            "A picture of 32 pixels a side came back with 64.",
        ]
        done = run(gateway.port)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith("Ready, so Triton enhances.")
        done = run(gateway.port, OTHER)
        assert done.returncode == 1
        assert "POST /v1/enhance: 401" in done.stderr
    finally:
        gateway.stop()


@pytest.mark.parametrize("key", ["", KEY], ids=["without a key", "with a key"])
def test_nobody_there_is_a_failure(key: str) -> None:
    done = run(free_port(), key, seconds=1)
    assert done.returncode == 1
    assert "is not ready after 1 s" in done.stderr
