"""``limner triton``: Triton alone, of the package or installed; it waits for models, and ends when it is unwell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
import tritonclient.grpc as triton

from ensemble.photo import UInt8
from limner.catalog import CATALOG_FILE, Catalog
from limner.settings import PROJECT_ROOT, Settings
from serving.photo_metrics import photos_at_work
from serving.process import Endpoint, free_port, is_living_stub
from tests.conftest import enhancing
from tests.model_repository.photos import encode
from tests.serving.native_triton import lay_out

SECONDS = 120.0
LIGHT = {"background": "lanczos", "restorer": "none"}

pytestmark = pytest.mark.timeout(300)


class Running:
    """``limner triton``, with its output as it comes."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.grpc, self.metrics = free_port(), free_port()
        self.environment = {
            **os.environ,
            "LIMNER_TRITON_GRPC_PORT": str(self.grpc),
            "LIMNER_TRITON_METRICS_PORT": str(self.metrics),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "triton", *arguments],
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.output += line

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def end(self, number: signal.Signals | None = None) -> int:
        """The exit code, once it has ended; ``number`` is sent first."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self._reader.join(10)
        return code

    def probe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli.main", "probe", "triton", *arguments]
        return subprocess.run(
            command, cwd=PROJECT_ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Running] = []

    def begin(*arguments: str, **environment: str) -> Running:
        started.append(Running(*arguments, **environment))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
        running.end()


def test_an_installed_triton_serves_until_told_to_stop(
    start: Start, models_dir: Path, tmp_path: Path, portrait: UInt8
) -> None:
    running = start(LIMNER_TRITON_HOME=str(lay_out(tmp_path / "tritonserver")))
    running.wait_for("Triton is ready.")
    assert running.probe().returncode == 0
    with triton.InferenceServerClient(f"127.0.0.1:{running.grpc}") as client:
        image, report = enhancing(client)(encode(portrait, "PNG"), LIGHT)
        assert image
        assert report["output"]["width"] == 2 * portrait.shape[1]  # type: ignore[index]
    text = httpx.get(f"http://127.0.0.1:{running.metrics}/metrics").text
    assert re.search(r'nv_inference_request_success\{model="face_enhance",version="1"\} [1-9]', text)

    family = psutil.Process(running.process.pid).children(recursive=True)
    assert any(child.cmdline()[0] == f"{tmp_path}/tritonserver/bin/tritonserver" for child in family)
    assert running.end(signal.SIGTERM) == 0
    assert "Triton has stopped." in running.output
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(Settings().run_dir.glob(f"{running.process.pid}-*"))


def test_what_is_at_work_is_finished_first(start: Start, models_dir: Path, portrait: UInt8) -> None:
    running = start(LIMNER_SHUTDOWN_TIMEOUT="120")
    running.wait_for("Triton is ready.")
    endpoint = Endpoint(running.grpc, running.metrics)
    assert photos_at_work(endpoint) == 0

    def enhanced() -> int:
        with triton.InferenceServerClient(endpoint.url) as client:
            image, _ = enhancing(client)(encode(portrait, "PNG"), {"background": "realesrgan", "restorer": "none"})
            return len(image)

    with ThreadPoolExecutor() as pool:
        photo = pool.submit(enhanced)
        while photos_at_work(endpoint) == 0:
            assert not photo.done(), "it was to be at work when the server is told to stop"
        code = running.end(signal.SIGTERM)
        assert photo.result() > 0
    assert code == 0
    assert "broken off" not in running.output


def test_told_to_stop_while_it_starts_it_leaves_nothing(start: Start, models_dir: Path) -> None:
    running = start()
    mine = f"{running.process.pid}-*"
    while not list(Settings().run_dir.glob(f"{mine}/models/face_enhance")):
        assert running.process.poll() is None, running.output
        time.sleep(0.01)
    assert running.end(signal.SIGTERM) == 0
    assert "Triton is ready." not in running.output
    assert not list(Settings().run_dir.glob(mine))


def test_it_ends_where_a_stub_has_died(start: Start, tmp_path: Path) -> None:
    """A server without networks, which starts in seconds."""
    running = start("--wait", "60", LIMNER_DATA=str(tmp_path))
    running.wait_for("Waiting for")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / CATALOG_FILE).write_text(Catalog().to_json())
    running.wait_for("Triton is ready.")
    assert running.probe("--alive").returncode == 0
    stub = next(child.pid for child in psutil.Process(running.process.pid).children(True) if is_living_stub(child.pid))
    os.kill(stub, signal.SIGKILL)
    assert running.end() == 1
    assert "cannot be trusted any more and was stopped: one of its Python stubs died." in running.output
    assert "Traceback" not in running.output
    gone = running.probe("--timeout", "2")
    assert gone.returncode == 1
    assert "canary" in gone.stderr


@pytest.mark.parametrize("arguments", [(), ("--wait", "1.5")])
def test_missing_models_are_an_error_that_names_the_command(
    start: Start, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    running = start(*arguments, LIMNER_DATA=str(tmp_path))
    assert running.end() == 1
    assert f"{tmp_path}/models/catalog.json is missing" in running.output
    assert "limner export" in running.output


def test_the_embedded_server_stays_on_this_machine(start: Start) -> None:
    running = start(LIMNER_TRITON_HOST="0.0.0.0")
    assert running.end() == 1
    assert "LIMNER_TRITON_HOME" in running.output


def test_a_folder_that_holds_no_triton_is_named(start: Start, tmp_path: Path, models_dir: Path) -> None:
    running = start(LIMNER_TRITON_HOME=str(tmp_path))
    assert running.end() == 1
    assert f"{tmp_path}/bin/tritonserver is missing. LIMNER_TRITON_HOME must be" in running.output


def test_a_taken_port_is_named(start: Start, models_dir: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = start(LIMNER_TRITON_GRPC_PORT=str(taken.getsockname()[1]))
        assert running.end() == 1
        assert "LIMNER_TRITON_GRPC_PORT" in running.output
