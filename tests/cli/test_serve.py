"""``limner serve`` from its first line to its last: starts, answers, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT, Settings
from tests.model_repository.photos import encode


class Serve:
    """A running ``limner serve`` on free ports."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve"],
            cwd=PROJECT_ROOT,
            env={
                **os.environ,
                "LIMNER_PORT": "0",
                "LIMNER_TRITON_GRPC_PORT": "0",
                "LIMNER_TRITON_METRICS_PORT": "0",
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found.group(1)
        raise AssertionError("it ended before that line:\n" + "".join(self.lines))

    def family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def stop(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[0]


@pytest.fixture
def served(models_dir: Path) -> Iterator[Serve]:
    running = Serve()
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_told_to_stop_and_leaves_nothing(served: Serve, portrait: UInt8, number: signal.Signals) -> None:
    url = served.wait_for(r"ready:\s+(http://127\.0\.0\.1:\d+)")
    with httpx.Client(base_url=url, timeout=300) as client:
        answer = client.post("/v1/enhance", files={"file": ("photo.jpg", encode(portrait, "JPEG"))})
        assert answer.status_code == 200, answer.text
        models = client.get("/v1/models").json()
        assert client.get("/healthz").status_code == 200
    assert "RealESRGAN_x4plus" in str(models)
    family = served.family()
    assert len(family) > 8

    mine = set(Settings().run_dir.glob(f"{served.process.pid}-*"))
    assert mine
    assert "Limner has stopped." in served.stop(number)
    assert served.process.returncode == 0
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert not any(folder.exists() for folder in mine)
    assert not list(Path("/dev/shm").glob(f"limner_{served.process.pid}_*"))


def test_stop_while_starting(served: Serve) -> None:
    served.wait_for(r"(Starting Triton)")
    served.stop(signal.SIGINT)
    assert served.process.returncode == 0
    assert not list(Path("/dev/shm").glob(f"limner_{served.process.pid}_*"))
    assert not list(Settings().run_dir.glob(f"{served.process.pid}-*"))


@pytest.mark.parametrize(
    ("variable", "value"), [("LIMNER_PORT", "seventy"), ("LIMNER_PROFILE", "quantum"), ("LIMNER_MIRRORS", "nowhere")]
)
def test_wrong_setting_is_named_at_start(variable: str, value: str) -> None:
    running = Serve(**{variable: value})
    output = running.process.communicate(timeout=60)[0]
    assert running.process.returncode == 1
    assert variable in output
    assert "Traceback" not in output


def test_doctor_finds_this_machine_fit(models_dir: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "RealESRGAN_x4plus" in run.stdout
    assert "face_restorer: off." in run.stdout
