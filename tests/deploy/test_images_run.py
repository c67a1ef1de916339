"""The images at work, without Docker: the files that a Dockerfile copies, and a Python that has its lock's packages.

What another base image would change is not seen here: Python and Triton are this machine's.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import tritonclient.grpc as triton

from ensemble.photo import UInt8
from gateway.web import DIST
from serving.locate import locate_triton
from serving.process import free_port
from tests.conftest import enhancing
from tests.deploy.image_tree import (
    DOCKER,
    HOME,
    Dockerfile,
    command,
    environment,
    lay,
    locked,
    make_environment,
    with_what_they_need,
)
from tests.model_repository.photos import encode

pytestmark = pytest.mark.timeout(300)

_START_SECONDS = 200.0
"""Networks are compiled at the start of Triton, on a machine that may be busy."""


@dataclass(frozen=True)
class Image:
    """An image that was laid into a folder."""

    dockerfile: Dockerfile
    root: Path
    python: Path

    @classmethod
    def laid(cls, name: str, root: Path, *more: str) -> Image:
        dockerfile = Dockerfile(DOCKER / f"{name}.Dockerfile")
        lay(dockerfile, root)
        return cls(dockerfile, root, make_environment(root, [*locked(name), *more]))

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """``limner`` with arguments, to its end."""
        return subprocess.run(
            command(self.root, self.python, *arguments),
            cwd=self.root / HOME,
            env=environment(self.dockerfile, self.python, **variables),
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )

    @contextlib.contextmanager
    def running(self, log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """What the image does when it is started, until the end of the block."""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command(self.root, self.python, *self.dockerfile.last("CMD").words()),
                cwd=self.root / HOME,
                env=environment(self.dockerfile, self.python, **variables),
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)

    def await_health(self, process: subprocess.Popen[bytes], log: Path, **variables: str) -> None:
        """Ask as the image's health check does, until it is content."""
        words = json.loads(self.dockerfile.last("HEALTHCHECK").arguments.partition("CMD ")[2])
        deadline = time.monotonic() + _START_SECONDS
        while self.run(*words[1:], **variables).returncode:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)


@pytest.fixture(scope="module")
def gateway_image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    assert (DIST / "index.html").is_file(), "the page is not built: make page"
    return Image.laid("gateway", tmp_path_factory.mktemp("gateway"))


def test_the_gateway_enhances_a_photo_and_has_the_page(
    gateway_image: Image, triton_url: str, portrait: UInt8, tmp_path: Path
) -> None:
    log, port = tmp_path / "log", free_port()
    variables = {"LIMNER_HOST": "127.0.0.1", "LIMNER_PORT": str(port), "LIMNER_TRITON_URL": triton_url}
    with gateway_image.running(log, **variables) as process:
        gateway_image.await_health(process, log, **variables)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            answer = client.post("/v1/enhance", files={"file": ("photo.png", encode(portrait, "PNG"))})
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == "image/png"
            assert client.get("/").content.startswith(b"<!doctype html>")
            for asset in (DIST / "assets").iterdir():
                assert client.get(f"/assets/{asset.name}").content == asset.read_bytes()
    assert process.returncode == 0, log.read_text()


def test_the_gateway_unpacks_archives_in_a_process_that_finds_its_packages(
    gateway_image: Image, tmp_path: Path
) -> None:
    """It runs isolated (``python -I``), so the folder of the project does not help it."""
    code = "import gateway.archives.worker, gateway.archives.zips, gateway.archives.rar_files"
    run = subprocess.run([gateway_image.python, "-I", "-c", code], cwd=tmp_path, timeout=60, check=False)
    assert run.returncode == 0


def test_the_gateway_refuses_the_world_without_keys(gateway_image: Image) -> None:
    refused = gateway_image.run("serve", LIMNER_TRITON_URL="127.0.0.1:1", LIMNER_PORT=str(free_port()))
    assert refused.returncode == 1
    assert "LIMNER_HOST is 0.0.0.0" in refused.stderr


def test_nothing_else_can_be_imported(gateway_image: Image) -> None:
    """Else a package that is missing in a lock would not be missed here."""
    for name in ("openvino", "cv2", "pytriton", "export", "ensemble", "tests"):
        run = subprocess.run([gateway_image.python, "-c", f"import {name}"], cwd="/", capture_output=True, check=False)
        assert b"ModuleNotFoundError" in run.stderr, name


def test_triton_serves_from_its_image(models_dir: Path, portrait: UInt8, tmp_path: Path) -> None:
    image = Image.laid("triton", tmp_path / "image")
    (image.root / HOME / ".limner").mkdir()
    (image.root / HOME / ".limner" / "models").symlink_to(models_dir)
    log, port = tmp_path / "log", free_port()
    variables = {
        "LIMNER_TRITON_HOME": str(installed_triton(tmp_path / "tritonserver")),
        "LIMNER_TRITON_HOST": "127.0.0.1",
        "LIMNER_TRITON_GRPC_PORT": str(port),
        "LIMNER_TRITON_METRICS_PORT": str(free_port()),
        "LD_LIBRARY_PATH": str(libpython().parent),
    }
    with image.running(log, **variables) as process:
        image.await_health(process, log, **variables)
        while "Triton is ready." not in log.read_text():  # the health check may have been quicker than its own
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            enhanced, report = enhancing(client)(encode(portrait, "PNG"))
        assert enhanced.startswith(b"\x89PNG")
        assert report["models"]["background"]["name"] is not None  # type: ignore[index]
    assert process.returncode == 0, log.read_text()
    assert not any((image.root / HOME / ".limner" / "run").iterdir())


def installed_triton(home: Path) -> Path:
    """The pip package's server in the layout of ``/opt/tritonserver``, with the stub of this Python."""
    embedded = locate_triton()
    home.mkdir()
    (home / "bin").symlink_to(embedded.server.parent)
    (home / "lib").symlink_to(embedded.libraries)
    shutil.copytree(embedded.python_backend, home / "backends" / "python")
    shutil.copy2(embedded.stub, home / "backends" / "python")
    return home


def libpython() -> Path:
    """In NVIDIA's container the loader knows it."""
    found = locate_triton().libpython
    assert found is not None
    return found


@pytest.fixture(scope="module")
def exporter_image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    # PyTorch is not in the lock: export/environment.py installs it, with what it names as needed.
    more = with_what_they_need("torch") - set(locked("exporter"))
    return Image.laid("exporter", tmp_path_factory.mktemp("exporter"), *more)


def test_the_exporter_exports_a_network(exporter_image: Image, tmp_path: Path) -> None:
    output = tmp_path / "models"
    run = exporter_image.run(
        "export", "retinaface", "--output", str(output), LIMNER_OFFLINE="1", LIMNER_PRECISION="fp32"
    )
    assert run.returncode == 0, run.stderr
    assert list(output.glob("retinaface/1/model.onnx"))


def test_the_exporter_could_do_all_of_it(exporter_image: Image) -> None:
    """Every module that an export may load later: INT8, FP16, the kernel's compiler."""
    image = exporter_image
    code = (
        "import importlib, pkgutil, export, ziglang\n"
        "for module in pkgutil.walk_packages(export.__path__, 'export.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    run = subprocess.run(
        [image.python, "-c", code],
        cwd=image.root / HOME,
        env=environment(image.dockerfile, image.python),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stderr
