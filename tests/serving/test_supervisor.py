"""The embedded server is restarted when it or one of its stubs dies, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as triton

from limner.canary import LIGHT_PARAMETERS
from limner.errors import ServingError, SettingsError
from limner.settings import PROJECT_ROOT, Settings
from serving import assemble as assembly
from serving import environment as environment_module
from serving.canary import CanaryFailed, send_canary
from serving.locate import TritonInstallation
from serving.process import Endpoint, free_port, require_free_port
from serving.runtime_folder import RuntimeFolder
from serving.supervisor import Supervisor

RECOVERY_SECONDS = 60


def start(data: Path) -> Supervisor:
    """A server without networks: it starts in seconds, and dies and recovers like any other."""
    return Supervisor(Settings(data=data, canary_interval=1), Endpoint(free_port(), free_port()))


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[Supervisor]:
    with start(tmp_path) as running:
        yield running


def wait_until(condition: Callable[[], bool], seconds: float = RECOVERY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def answers(supervisor: Supervisor) -> bool:
    with triton.InferenceServerClient(supervisor.endpoint.url) as client:
        try:
            send_canary(client, LIGHT_PARAMETERS, timeout=5)
        except ServingError:
            return False
        return True


def stub_of(supervisor: Supervisor, model: str) -> int:
    assert supervisor.process is not None
    stubs = [pid for pid in supervisor.process.stub_pids() if f"/{model}/" in " ".join(psutil.Process(pid).cmdline())]
    assert len(stubs) == 1
    return stubs[0]


@pytest.mark.parametrize("model", ["decode_image", "upscale_background"])
def test_killed_stub_is_noticed_and_service_recovers(small_server: Supervisor, model: str) -> None:
    assert answers(small_server)
    os.kill(stub_of(small_server, model), signal.SIGKILL)
    wait_until(lambda: small_server.restarts == 1)
    wait_until(lambda: small_server.process is not None and answers(small_server))


def test_killed_server_recovers_on_the_same_port_without_orphans(small_server: Supervisor) -> None:
    process = small_server.process
    assert process is not None
    stubs = process.stub_pids()
    assert stubs
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: small_server.restarts == 1)
    wait_until(lambda: small_server.process is not None and answers(small_server))
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in stubs), 10)


def test_stopped_stub_is_noticed_by_the_canary(small_server: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stub that hangs is alive as a process; only an inference finds out."""
    monkeypatch.setattr("serving.supervisor._CANARY_TIMEOUT", 2.0)
    os.kill(stub_of(small_server, "decode_image"), signal.SIGSTOP)
    wait_until(lambda: small_server.restarts == 1)
    monkeypatch.setattr("serving.supervisor._CANARY_TIMEOUT", 60.0)
    wait_until(lambda: small_server.process is not None and answers(small_server))


def test_a_restart_that_was_not_whole_is_tried_again(small_server: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heavy canary of the start fails, and all light ones after it would pass."""
    heavy: list[int] = []

    def fails_once(client: triton.InferenceServerClient, parameters: dict[str, str], timeout: float) -> None:
        if not parameters:
            heavy.append(len(heavy))
            if heavy == [0]:
                raise CanaryFailed("A network's process died.")
        send_canary(client, parameters, timeout)

    monkeypatch.setattr("serving.supervisor.send_canary", fails_once)
    os.kill(stub_of(small_server, "decode_image"), signal.SIGKILL)
    wait_until(lambda: len(heavy) >= 2)
    wait_until(lambda: small_server.process is not None and answers(small_server))
    assert small_server.restarts >= 2


def test_stop_leaves_no_process_file_or_shared_memory(tmp_path: Path) -> None:
    supervisor = start(tmp_path)
    supervisor.start()
    process = supervisor.process
    assert process is not None
    pids = {process.pid, *process.stub_pids()}
    (folder,) = Settings(data=tmp_path).run_dir.iterdir()
    prefix = RuntimeFolder(folder).shared_memory_prefix
    assert list(Path("/dev/shm").glob(f"{prefix}*"))
    supervisor.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not list(Path("/dev/shm").glob(f"{prefix}*"))
    assert not list(Settings(data=tmp_path).run_dir.iterdir())


def test_server_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from limner.settings import Settings;"
        "from serving.process import *; from serving.supervisor import Supervisor;"
        f"s = Supervisor(Settings(data=Path({str(tmp_path)!r})), Endpoint(free_port(), free_port())); s.start();"
        "print(s.process.pid, *s.process.stub_pids(), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) > 1
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 30)
    stale = list(Settings(data=tmp_path).run_dir.iterdir())
    assert len(stale) == 1, "a killed process cannot remove its folder"
    with start(tmp_path):
        assert stale[0] not in list(Settings(data=tmp_path).run_dir.iterdir()), "the next start does"


def test_everything_listens_on_loopback_only(small_server: Supervisor) -> None:
    assert small_server.process is not None
    listening = [
        connection
        for connection in psutil.Process(small_server.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {"127.0.0.1"}
    assert {connection.laddr.port for connection in listening} == {
        small_server.endpoint.grpc,
        small_server.endpoint.metrics,
    }


def test_restricted_protocols_need_the_key(small_server: Supervisor) -> None:
    from tritonclient.utils import InferenceServerException

    with triton.InferenceServerClient(small_server.endpoint.url) as client:
        with pytest.raises(InferenceServerException, match="restricted"):
            client.get_model_repository_index()
        headers = {"triton-grpc-protocol-limner-key": small_server.endpoint.api_key}
        assert client.get_model_repository_index(headers=headers).models


def test_broken_model_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    model = repository / "tensor_check"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text((assembly.MODEL_REPOSITORY / "tensor_check/config.pbtxt").read_text())
    (model / "1/model.py").write_text("raise RuntimeError('the reactor is cold')\n")
    monkeypatch.setattr(assembly, "MODEL_REPOSITORY", repository)
    with pytest.raises(ServingError, match="the reactor is cold"):
        start(tmp_path).start()


def test_fault_in_a_step_is_logged_by_place_without_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception may quote what is in a photo."""
    repository = tmp_path / "repository"
    model = repository / "tensor_check"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text((assembly.MODEL_REPOSITORY / "tensor_check/config.pbtxt").read_text())
    (model / "1/model.py").write_text(
        "from model_repository.step_model import StepModel\n"
        "class TritonPythonModel(StepModel):\n"
        "    def answer(self, request):\n"
        "        raise ArithmeticError('the pixel ' + str(18 * 10 + 3))\n"
    )
    monkeypatch.setattr(assembly, "MODEL_REPOSITORY", repository)
    with pytest.raises(ServingError, match="request failed with ArithmeticError") as failed:
        start(tmp_path).start()
    assert "pixel 183" not in failed.value.message


def test_numpy_2_in_the_stub_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real trap: under numpy 2 nothing fails, but tensors arrive corrupted."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "numpy2"], check=True)
    (site,) = (tmp_path / "numpy2/lib").glob("python3.*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), "numpy==2.2.6"]
    subprocess.run(pip, check=True, timeout=300)
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "ours.pth").write_text(f"{ours}\n{PROJECT_ROOT}\n")

    original = environment_module.environment

    def with_numpy_2(installation: TritonInstallation, profile: str) -> dict[str, str]:
        environment = original(installation, profile)
        return {**environment, "PATH": f"{tmp_path / 'numpy2/bin'}:{environment['PATH']}"}

    monkeypatch.setattr("serving.process.environment", with_numpy_2, raising=True)
    with pytest.raises(ServingError, match=r"numpy 1\.26"):
        start(tmp_path).start()


def test_taken_port_names_the_setting() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="LIMNER_PORT"):
            require_free_port("127.0.0.1", taken.getsockname()[1], "LIMNER_PORT")
