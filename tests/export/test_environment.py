"""Installing PyTorch: never CUDA packages. pip itself is played here."""

from __future__ import annotations

import json
import sys

import pytest

from export import environment
from export.environment import TORCH, UV, brings_cuda, ensure_export_packages, install_torch
from limner.errors import ExportError


class FakePip:
    """Answers commands and records them."""

    def __init__(self, *names: str, failing: str | None = None) -> None:
        self.report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
        self.failing = failing
        self.commands: list[str] = []

    def __call__(self, command: list[str]) -> str:
        line = " ".join(command)
        self.commands.append(line)
        if self.failing and self.failing in line:
            raise ExportError("it failed")
        return self.report if "--dry-run" in command else ""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch):
    def start(pip: FakePip, *, installed: dict[str, str] | None = None) -> FakePip:
        monkeypatch.setattr(environment, "_run", pip)
        if installed is not None:
            monkeypatch.setattr(environment, "_installed", installed.get)
        return pip

    return start


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["torch", "sympy", "filelock"], False),
        (["torch", "nvidia-cublas-cu12"], True),
        (["torch", "nvidia_cudnn_cu13"], True),
        (["torch", "cuda-bindings"], True),
        (["torch", "triton"], True),
    ],
)
def test_what_counts_as_cuda(names: list[str], expected: bool) -> None:
    assert brings_cuda(names) is expected


def test_cpu_build_where_the_index_has_one(play, reporter) -> None:
    pip = play(FakePip("torch", "sympy"))
    install_torch("/python", reporter)
    assert len(pip.commands) == 2
    assert pip.commands[1].endswith(f"install --quiet --disable-pip-version-check --no-input {TORCH}")


def test_cuda_is_kept_off(play, reporter) -> None:
    pip = play(FakePip("torch", "nvidia-cublas", "triton"))
    install_torch("/python", reporter)
    assert not any(
        line.startswith("/python -m pip install") and line.endswith(f" {TORCH}") for line in pip.commands[1:]
    )
    assert UV in pip.commands[1]
    assert "--target" in pip.commands[1]
    assert pip.commands[2].endswith(f"pip install --quiet --python /python --torch-backend cpu {TORCH}")


def test_nothing_missing_runs_nothing(play, reporter) -> None:
    pip = play(FakePip(), installed={"torch": "2.13.0"} | dict.fromkeys(environment.NEEDED, "1"))
    ensure_export_packages(reporter)
    assert pip.commands == []


def test_missing_extra_is_installed_from_the_lock(play, reporter) -> None:
    pip = play(FakePip(), installed={"torch": "2.13.0"})
    ensure_export_packages(reporter)
    assert len(pip.commands) == 1
    assert f"--no-deps --require-hashes -r {environment.LOCK}" in pip.commands[0]


def test_another_torch_is_replaced(play, reporter) -> None:
    pip = play(FakePip("torch"), installed={"torch": "2.1.0"} | dict.fromkeys(environment.NEEDED, "1"))
    ensure_export_packages(reporter)
    assert pip.commands[-1].endswith(TORCH)


def test_failure_says_what_to_do(reporter) -> None:
    with pytest.raises(ExportError, match=rf"could not be installed: boom .*{TORCH}.*by hand"):
        environment._run([sys.executable, "-c", "import sys; sys.exit('boom')"])
    with pytest.raises(ExportError, match=r"nosuch could not be started .* by hand"):
        environment._run(["/nosuch"])


def test_lock_holds_what_is_needed() -> None:
    lock = environment.LOCK.read_text("utf-8")
    assert all(f"{name}==" in lock for name in environment.NEEDED)
    assert "nvidia-cublas" not in lock


@pytest.mark.parametrize("name", ["export.txt", "test.txt"])
def test_locks_overwrite_nothing_that_serving_has(name: str) -> None:
    """opencv-python needs libGL and has the files of the headless build; onnxruntime has those of onnxruntime-gpu."""
    lines = environment.LOCK.with_name(name).read_text("utf-8").splitlines()
    names = {line.partition("==")[0] for line in lines if "==" in line}
    assert {"opencv-python-headless", "numpy"} <= names
    assert names.isdisjoint({"opencv-python", "opencv-contrib-python", "onnxruntime", "onnxruntime-gpu"})
