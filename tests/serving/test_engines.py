"""The folder of TensorRT's engines: there before a server for GPUs starts, or its start says why it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from limner.errors import ServingError
from limner.settings import PROJECT_ROOT
from serving.engines import make_engine_folder
from serving.locate import locate_triton
from serving.process import Endpoint, TritonProcess
from serving.runtime_folder import make_folder


def engine_paths() -> list[str]:
    """Where the configurations for GPUs keep engines, from the working directory."""
    paths = []
    for file in sorted((PROJECT_ROOT / "model_repository").glob("*/configs/gpu.pbtxt")):
        config = text_format.Parse(file.read_text("utf-8"), model_config_pb2.ModelConfig())
        for accelerator in config.optimization.execution_accelerators.gpu_execution_accelerator:
            paths += [path for key, path in accelerator.parameters.items() if key == "trt_engine_cache_path"]
    return paths


def run(tmp_path: Path, profile: str) -> int:
    """The code of a server that makes the folder of a model as ONNX Runtime does: not the one above it."""
    server = tmp_path / "tritonserver"
    server.write_text("#!/bin/sh\nexec mkdir .limner/tensorrt/gfpgan\n")
    server.chmod(0o755)
    folder = make_folder(tmp_path / "run", None)
    folder.backends.mkdir()
    process = TritonProcess(replace(locate_triton(), server=server), folder, Endpoint(1, 2), profile)
    try:
        return process._process.wait(30)
    finally:
        process.kill()
        folder.remove()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the servers of a test: nothing is in it."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setattr("serving.process.PROJECT_ROOT", root)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))
    return root


def test_a_server_for_gpus_finds_it_where_it_works(root: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "gpu") == 0
    assert [path.name for path in (root / ".limner" / "tensorrt").iterdir()] == ["gfpgan"]
    (root / ".limner" / "tensorrt" / "gfpgan").rmdir()
    assert run(tmp_path, "gpu") == 0, "the next start finds it there"


def test_others_do_without(root: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "cpu") != 0
    assert not list(root.iterdir())


def test_every_model_keeps_its_engines_there(tmp_path: Path) -> None:
    make_engine_folder(tmp_path)
    paths = engine_paths()
    assert len(paths) > 10
    for path in paths:
        (tmp_path / path).mkdir()


def test_where_it_cannot_be_made_the_start_says_so(root: Path, tmp_path: Path) -> None:
    (root / ".limner").touch()
    with pytest.raises(ServingError, match=r"\.limner/tensorrt, where TensorRT's engines.+written \(.+\)\. Let this"):
        run(tmp_path, "gpu")


def test_one_that_cannot_be_written_is_found_early(tmp_path: Path) -> None:
    """The kernel's own folders cannot be written even by root."""
    (tmp_path / ".limner").mkdir()
    (tmp_path / ".limner" / "tensorrt").symlink_to("/sys/kernel")
    with pytest.raises(ServingError, match="cannot be written"):
        make_engine_folder(tmp_path)
