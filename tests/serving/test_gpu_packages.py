"""LIMNER_PROFILE=gpu and tensorrt with the embedded server: what is missing is said before Triton starts."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cli import doctor_command
from limner import gpu
from limner.errors import ServingError
from limner.settings import PROJECT_ROOT, Settings
from serving import gpu_packages
from serving.environment import environment
from serving.gpu_packages import check_profile, library_folders
from serving.locate import locate_triton
from serving.process import Endpoint
from serving.supervisor import Supervisor

LIBRARIES = (
    "nvidia/cudnn/lib/libcudnn.so.9",
    "nvidia/cuda_runtime/lib/libcudart.so.12",
    "tensorrt_libs/libnvinfer.so.10",
)


@pytest.fixture
def gpu_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of packages of a machine with a driver and everything installed."""
    for file in (*LIBRARIES, "onnxruntime/capi/libonnxruntime_providers_cuda.so"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    monkeypatch.setattr(gpu_packages, "has_gpu", lambda: True)
    monkeypatch.setattr(gpu_packages, "_package", lambda name: tmp_path / name)
    monkeypatch.setattr(gpu_packages, "find_library", lambda name: None)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def test_a_gpu_machine_is_fit_and_its_libraries_are_searched(gpu_machine: Path) -> None:
    check_profile("gpu")
    search = environment(locate_triton(), "gpu")["LD_LIBRARY_PATH"].split(os.pathsep)
    wanted = sorted({str((gpu_machine / file).parent) for file in LIBRARIES})
    assert sorted(path for path in search if path.startswith(str(gpu_machine))) == wanted
    assert str(gpu_machine) not in environment(locate_triton(), "cpu")["LD_LIBRARY_PATH"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_missing_library_is_named_with_the_command_that_brings_it(gpu_machine: Path, library: str) -> None:
    (gpu_machine / library).unlink()
    with pytest.raises(ServingError, match=rf"{Path(library).name} is missing.*`make serve LIMNER_PROFILE=gpu`"):
        check_profile("gpu")


def test_libraries_of_the_system_do_as_well(gpu_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (gpu_machine / LIBRARIES[0]).unlink()
    monkeypatch.setattr(gpu_packages, "find_library", lambda name: "libcudnn.so.9" if name == "cudnn" else None)
    check_profile("gpu")


def test_onnxruntime_for_cpus_is_refused(gpu_machine: Path) -> None:
    (gpu_machine / "onnxruntime/capi/libonnxruntime_providers_cuda.so").unlink()
    with pytest.raises(ServingError, match="runs on CPUs only; a GPU needs onnxruntime-gpu"):
        check_profile("gpu")


def test_no_driver_is_said(gpu_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_packages, "has_gpu", lambda: False)
    with pytest.raises(ServingError, match="no driver for one is loaded"):
        check_profile("gpu")
    check_profile("cpu")


def test_a_driver_is_found_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_DEVICES", (tmp_path / "no", tmp_path / "nvidiactl"))
    assert not gpu.has_gpu()
    (tmp_path / "nvidiactl").touch()
    assert gpu.has_gpu()


def test_the_embedded_server_has_no_plans(tmp_path: Path) -> None:
    supervisor = Supervisor(Settings(profile="tensorrt", data=tmp_path), Endpoint(1, 2))
    with pytest.raises(ServingError, match=r"backend tensorrt, which the embedded one lacks.*docs/gpu\.md"):
        supervisor.start()
    assert not list(tmp_path.iterdir())


def test_libraries_are_none_where_nothing_is_installed(tmp_path: Path) -> None:
    assert library_folders(tmp_path) == []


def test_the_doctor_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu_packages, "has_gpu", lambda: False)
    monkeypatch.setattr(doctor_command, "get_settings", lambda: Settings(profile="gpu", data=tmp_path))
    result = CliRunner().invoke(doctor_command.doctor)
    assert result.exit_code == 1
    assert "✗ LIMNER_PROFILE=gpu needs an NVIDIA GPU" in result.output


def test_the_doctor_does_not_look_at_a_server_elsewhere() -> None:
    elsewhere = SimpleNamespace(triton_url="gpu-host:8001", profile="tensorrt")
    assert doctor_command._check_profile(elsewhere) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_make_serve_installs_for_the_profile(profile: str) -> None:
    command = ["make", "--dry-run", "--always-make", "--no-print-directory", "serve", f"LIMNER_PROFILE={profile}"]
    # `make test` tells the makes below it of itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True, env=environment)
    *before, last = done.stdout.splitlines()
    assert last == "exec .venv/bin/limner serve"
    steps = [line for line in before if "requirements/gpu.txt" in line or "uninstall" in line or "tensorrt" in line]
    if profile == "cpu":
        assert not steps
    else:
        removed, installed, tensorrt = steps
        assert "uninstall" in removed
        assert removed.endswith("onnxruntime onnxruntime-gpu")
        assert "--require-hashes -r requirements/gpu.txt" in installed
        assert "tensorrt-cu12-libs==10." in tensorrt


def test_both_builds_of_onnxruntime_have_one_version() -> None:
    def pinned(file: str, package: str) -> str:
        lines = (PROJECT_ROOT / "requirements" / file).read_text("utf-8").splitlines()
        return next(line.split()[0].partition("==")[2] for line in lines if line.startswith(f"{package}=="))

    assert pinned("gpu.txt", "onnxruntime-gpu") == pinned("serve.txt", "onnxruntime")
    assert "\nonnxruntime==" not in (PROJECT_ROOT / "requirements" / "gpu.txt").read_text("utf-8")
