"""What differs with an installed Triton: whose backends run, and what it is told. It runs in tests/cli."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import ServingError
from serving.assemble import assemble
from serving.environment import environment
from serving.locate import TritonInstallation, locate_triton
from serving.process import Endpoint, command_line
from serving.runtime_folder import RuntimeFolder
from tests.serving.native_triton import lay_out


@pytest.fixture
def installed(tmp_path: Path) -> TritonInstallation:
    return locate_triton(lay_out(tmp_path / "tritonserver"))


def laid_out(installation: TritonInstallation, tmp_path: Path, profile: str) -> RuntimeFolder:
    """Without networks: none is exported."""
    return assemble(tmp_path / "run", installation, tmp_path / "models", profile)


def test_on_a_cpu_it_runs_our_backends(installed: TritonInstallation, tmp_path: Path) -> None:
    folder = laid_out(installed, tmp_path, "cpu")
    assert {path.name for path in folder.backends.iterdir()} == {"python", "openvino", "onnxruntime", "winograd"}
    assert (folder.backends / "python" / "triton_python_backend_stub").is_file()
    command = command_line(installed, folder, Endpoint(1, 2), "cpu")
    assert "--allow-gpu-metrics=false" in command
    assert sum(word.endswith(",stub-timeout-seconds=120") for word in command) == 4


@pytest.mark.parametrize("profile", ["gpu", "tensorrt"])
def test_on_a_gpu_it_runs_its_own(installed: TritonInstallation, tmp_path: Path, profile: str) -> None:
    home = tmp_path / "tritonserver"
    (home / "backends" / "onnxruntime").mkdir()
    folder = laid_out(installed, tmp_path, profile)
    assert folder.backends == home / "backends"
    command = command_line(installed, folder, Endpoint(1, 2, host="0.0.0.0"), profile)
    assert command[0] == f"{home}/bin/tritonserver"
    assert {
        f"--backend-directory={home}/backends",
        f"--model-config-name={profile}",
        "--allow-gpu-metrics=true",
        "--grpc-address=0.0.0.0",
        "--metrics-address=0.0.0.0",
    } <= set(command)
    told = [word for word in command if word.startswith("--backend-config=")]
    assert told
    assert all(word.startswith("--backend-config=python,") for word in told), "settings of Python's backend only"
    folder.remove()
    assert (home / "backends" / "python").is_dir(), "what is installed stays"


@pytest.mark.parametrize(
    ("host", "grpc", "metrics"),
    [("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::", "[::]", "ipv6:::"), ("::1", "[::1]", "ipv6:::1")],
)
def test_addresses_are_in_each_servers_own_form(
    installed: TritonInstallation, tmp_path: Path, host: str, grpc: str, metrics: str
) -> None:
    folder = laid_out(installed, tmp_path, "cpu")
    command = command_line(installed, folder, Endpoint(1, 2, host=host), "cpu")
    assert {f"--grpc-address={grpc}", f"--metrics-address={metrics}"} <= set(command)


def test_its_libraries_come_first(
    installed: TritonInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/cuda/lib64")
    assert environment(installed, "gpu")["LD_LIBRARY_PATH"] == f"{tmp_path}/tritonserver/lib:/usr/local/cuda/lib64"


@pytest.mark.parametrize("missing", ["bin/tritonserver", "backends/python/triton_python_backend_stub"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    home = lay_out(tmp_path / "tritonserver")
    (home / missing).unlink()
    with pytest.raises(ServingError, match=f"{missing} is missing. LIMNER_TRITON_HOME"):
        locate_triton(home)
