"""A Triton server with the Python-based backends, on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tritonclient import grpc

from limner.settings import PROJECT_ROOT
from serving.environment import environment
from serving.locate import TritonInstallation, locate_triton
from serving.process import free_port


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[grpc.InferenceServerClient]:
    """Serve ``folder/models`` and yield a client, once every model is loaded or refused; ``folder`` is written to."""
    installation = locate_triton()
    _assemble(folder / "backends", installation)
    port, log = free_port(), folder / "log"
    command = [
        str(installation.server),
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        "--disable-auto-complete-config",
        "--model-control-mode=none",
        "--exit-on-error=false",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={port}",
        "--allow-http=false",
        "--allow-metrics=false",
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env=environment(installation),
            cwd=PROJECT_ROOT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        with grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
            _wait(client, process, log)
            yield client
    finally:
        _end(process)


def _assemble(folder: Path, installation: TritonInstallation) -> None:
    # The library must not be a link: Triton refuses one that leads out of the backend folder. The stub is one, because
    # a file that was just written may still be "busy" when it is to be run.
    shutil.copytree(installation.python_backend, folder / "python")
    (folder / "python" / installation.stub.name).symlink_to(installation.stub)
    for model in (PROJECT_ROOT / "backends").glob("*/model.py"):
        (folder / model.parent.name).symlink_to(model.parent)


def _wait(client: grpc.InferenceServerClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.is_server_live():
                return
        except grpc.InferenceServerException:
            time.sleep(0.2)
    raise RuntimeError(f"Triton did not start:\n{log.read_text()[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The server first, by itself, then whatever is left of its group."""
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
