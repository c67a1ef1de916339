"""Installing PyTorch: never CUDA packages, and from where pip takes its packages."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from export import environment
from export.environment import TORCH, UV, brings_cuda, ensure_export_packages, install_torch
from export.pip_sources import uv_environment
from export.progress import Reporter
from limner.errors import ExportError


class Played:
    """Stands for pip and uv where nothing is to be installed: records commands."""

    def __init__(self, *names: str) -> None:
        self.plan = "Would install packages\n" + "".join(f" + {name}==1.0\n" for name in names)
        self.commands: list[str] = []

    def __call__(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        self.commands.append(" ".join(command))
        return self.plan if "--dry-run" in command else ""


Play = Callable[..., Played]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    def start(pip: Played, *, installed: dict[str, str] | None = None) -> Played:
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


def test_cuda_is_kept_off(play: Play, reporter: Reporter) -> None:
    played = play(Played("torch", "nvidia-cublas", "triton"))
    install_torch("/python", reporter)
    first, *_, look, install = played.commands
    assert UV in first
    assert "--target" in first
    assert look.endswith(f"/uv pip install --python /python {TORCH} --dry-run")
    assert install.endswith(f"/uv pip install --python /python {TORCH} --torch-backend cpu")


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with pip and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    return str(folder / "bin" / "python")


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """A package without files."""
    facts = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", *facts]) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize("needs", [[], ["nvidia-of-the-test"]], ids=["a CPU build", "with CUDA"])
def test_from_where_pip_takes_it(
    needs: list[str], empty_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reporter: Reporter
) -> None:
    """pip and uv are real, and so is a folder of wheels that only pip is told of; its version is the best there is."""
    version = f"{TORCH.partition('==')[2]}+zzz"
    wheel(tmp_path, "torch", version, *needs)
    wheel(tmp_path, "nvidia_of_the_test", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} {os.environ.get('PIP_FIND_LINKS', '')}")
    real, commands = environment._run, []

    def without_the_index_of_cpu_builds(command: list[str], environment: dict[str, str] | None = None) -> str:
        commands.append(command)
        return "" if "--torch-backend" in command else real(command, environment)

    monkeypatch.setattr(environment, "_run", without_the_index_of_cpu_builds)
    install_torch(empty_environment, reporter)
    assert ("--torch-backend" in commands[-1]) == bool(needs)
    ask = "from importlib.metadata import distributions as d; print([x.version for x in d() if x.name == 'torch'])"
    installed = subprocess.run([empty_environment, "-c", ask], check=True, capture_output=True, text=True).stdout
    assert installed.strip() == str([] if needs else [version])
    subprocess.run([empty_environment, "-m", "pip", "uninstall", "--quiet", "--yes", "torch"], check=True)


def test_uv_is_told_what_pip_knows() -> None:
    listing = "\n".join(
        [
            ":env:.index-url='https://mirror.example/simple'",
            ":env:.disable-pip-version-check='1'",
            "global.index-url='https://other.example/simple'",
            "global.extra-index-url='https://one.example https://two.example'",
            "global.find-links='/of/all'",
            "install.find-links='\\n/wheels\\nhttps://page.example/cpu'",
            "install.trusted-host='mirror.example'",
            "global.cert='/etc/ca.pem'",
            "global.no-index='false'",
            "download.no-index='true'",
            "global.constraint='/constraints.txt'",
        ]
    )
    assert uv_environment(listing, {"HOME": "/home/user", "SSL_CERT_FILE": "/mine.pem"}) == {
        "HOME": "/home/user",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example https://two.example",
        "UV_FIND_LINKS": "/wheels,https://page.example/cpu",
        "UV_INSECURE_HOST": "mirror.example",
        "UV_CONSTRAINT": "/constraints.txt",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/mine.pem",
    }


def test_nothing_missing_runs_nothing(play: Play, reporter: Reporter) -> None:
    pip = play(Played(), installed={"torch": "2.13.0"} | dict.fromkeys(environment.NEEDED, "1"))
    ensure_export_packages(reporter)
    assert pip.commands == []


def test_missing_extra_is_installed_from_the_lock(play: Play, reporter: Reporter) -> None:
    pip = play(Played(), installed={"torch": "2.13.0"})
    ensure_export_packages(reporter)
    assert len(pip.commands) == 1
    assert f"--no-deps --require-hashes -r {environment.LOCK}" in pip.commands[0]


def test_another_torch_is_replaced(play: Play, reporter: Reporter) -> None:
    pip = play(Played("torch"), installed={"torch": "2.1.0"} | dict.fromkeys(environment.NEEDED, "1"))
    ensure_export_packages(reporter)
    assert pip.commands[-1].endswith(TORCH)


def test_failure_says_what_to_do(reporter: Reporter) -> None:
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
