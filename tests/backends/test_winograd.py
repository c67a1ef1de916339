"""The backend ``winograd``: in a real Triton server against the network in FP32, and what it refuses."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from backends.model_config import ModelConfig, TensorSpec
from backends.winograd.keys import read_threads
from backends.winograd.network import WinogradNetwork
from export.precision.gate import psnr
from limner import rrdb
from limner.cpu import usable_cores
from limner.errors import InferenceFailed, InputError, ServingError
from limner.rrdb import LIBRARY_FILE, MAGIC, WEIGHTS_FILE, KernelUnusable, RrdbNetwork
from limner.settings import PROJECT_ROOT
from tests.backends.client import infer
from tests.backends.networks import BARE_CONFIG
from tests.backends.server import serve
from tests.export.winograd.small_rrdb import in_fp32, require_kernel, tiles, write_version

UINT8 = np.dtype(np.uint8)
CORES = usable_cores()


def picture_config(file: Path, **changes: object) -> ModelConfig:
    tensors = {
        "inputs": (TensorSpec("TILE", UINT8, (-1, -1, 3)),),
        "outputs": (TensorSpec("UPSCALED", UINT8, (-1, -1, 3)),),
    }
    return replace(BARE_CONFIG, file=file, **(tensors | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The weights of a small network of either scale, with the kernel beside them."""
    require_kernel()
    folder = tmp_path_factory.mktemp("rrdb")
    return {scale: write_version(folder / str(scale), scale) for scale in (4, 2)}


@pytest.fixture(scope="module")
def server(versions: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.InferenceServerClient]:
    """Serves ``realesrgan_x4`` and ``realesrgan_x2`` by their own configurations, ``batches``, and some that fail."""
    folder = tmp_path_factory.mktemp("winograd")
    for name, scale in (("realesrgan_x4", 4), ("realesrgan_x2", 2), ("batches", 4), ("bad_key", 4), ("cut", 4)):
        (folder / "models" / name).mkdir(parents=True)
        source = PROJECT_ROOT / "model_repository" / f"realesrgan_x{scale}" / "configs" / "cpu_winograd.pbtxt"
        text = source.read_text("utf-8").replace(f'"realesrgan_x{scale}"', f'"{name}"')
        if name == "batches":
            text = text.replace("max_batch_size: 2", "max_batch_size: 4")
        if name == "bad_key":
            text += 'parameters { key: "THREAD" value { string_value: "2" } }\n'
        (folder / "models" / name / "config.pbtxt").write_text(text, "utf-8")
        weights = write_version(folder / "models" / name / "1", scale)
        if name == "cut":
            weights.write_bytes(weights.read_bytes()[:-64])
    with serve(folder) as client:
        yield client


@pytest.mark.parametrize("scale", [4, 2])
def test_triton_serves_what_the_network_is(server: grpc.InferenceServerClient, scale: int) -> None:
    picture = tiles(1, 38, 54)
    result = infer(server, f"realesrgan_x{scale}", {"TILE": picture}).as_numpy("UPSCALED")
    expected = in_fp32(scale, picture)
    assert (result.dtype, result.shape) == (np.uint8, expected.shape)
    assert expected.std() > 5
    assert psnr(expected, result) > 45
    assert psnr(expected, np.roll(result, 1, axis=2)) < 28, "a shift by one pixel is seen"


def test_pictures_of_a_batch_do_not_touch_each_other(server: grpc.InferenceServerClient) -> None:
    pictures = tiles(3, 20, 28)
    together = infer(server, "batches", {"TILE": pictures}).as_numpy("UPSCALED")
    for picture, result in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(infer(server, "batches", {"TILE": picture[None]}).as_numpy("UPSCALED")[0], result)


@pytest.mark.parametrize("shape", [(1, 15, 16, 3), (1, 16, 15, 3), (1, 2, 8192, 3)])
def test_a_size_that_the_network_cannot_take_is_the_callers(
    server: grpc.InferenceServerClient, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InferenceServerException, match=r"\[invalid-input\] A picture of \d+×\d+ pixels") as refused:
        infer(server, "realesrgan_x2", {"TILE": np.zeros(shape, np.uint8)})
    assert "INVALID_ARGUMENT" in str(refused.value.status())
    assert infer(server, "realesrgan_x2", {"TILE": np.zeros((1, 16, 16, 3), np.uint8)})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_key", "unknown key 'THREAD' in parameters; did you mean 'THREADS'?"),
        ("cut", "model.rrdb is damaged. Export the model again: limner export MODEL."),
    ],
)
def test_a_wrong_model_is_refused_by_name(server: grpc.InferenceServerClient, name: str, message: str) -> None:
    (model,) = [model for model in server.get_model_repository_index().models if model.name == name]
    assert model.state == "UNAVAILABLE"
    assert f"model '{name}': {message}" in model.reason


def test_a_result_goes_nowhere_it_does_not_fit(versions: dict[int, Path]) -> None:
    network, picture = RrdbNetwork(versions[4]), tiles(1, 5, 7)[0]
    for out in (np.zeros((20, 27, 3), np.uint8), np.zeros((28, 20, 3), np.uint8).swapaxes(0, 1)):
        with pytest.raises(ValueError, match="contiguous"):
            network.run(picture, 2, out)
        assert not out.any()
    with pytest.raises(ValueError, match="float32"):
        network.run(picture.astype(np.float32), 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"LIMRRDB0" + bytes(1000), "does not begin with LIMRRDB1"),
        (MAGIC + bytes(56), "is damaged"),
        (MAGIC + b"\xff" * 1000, "is damaged"),
    ],
)
def test_damaged_weights_are_refused(content: bytes, message: str, versions: dict[int, Path], tmp_path: Path) -> None:
    (tmp_path / LIBRARY_FILE).symlink_to(versions[4].with_name(LIBRARY_FILE))
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(ServingError, match=f"model 'm': {WEIGHTS_FILE} {message}.* limner export"):
        WinogradNetwork(picture_config(tmp_path / WEIGHTS_FILE), 1)


@pytest.mark.parametrize(
    ("library", "message"), [(None, "is not there"), (b"\x7fELF, but no more", r"cannot be loaded \(OSError\)")]
)
def test_a_library_that_is_none_is_refused(library: bytes | None, message: str, tmp_path: Path) -> None:
    if library is not None:
        (tmp_path / LIBRARY_FILE).write_bytes(library)
    with pytest.raises(ServingError, match=f"model 'm': {LIBRARY_FILE} {message}.* limner export"):
        WinogradNetwork(picture_config(tmp_path / WEIGHTS_FILE), 1)


def test_another_version_of_the_interface_is_refused(
    versions: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rrdb, "ABI", rrdb.ABI + 1)
    with pytest.raises(KernelUnusable, match=rf"is of version {rrdb.ABI - 1}, .* needs {rrdb.ABI}\. Export"):
        RrdbNetwork(versions[4])


def stand_in(**functions: object) -> SimpleNamespace:
    """A library, played: it takes everything and gives nothing."""
    names = ("rrdb_abi", "rrdb_supported", "rrdb_open", "rrdb_scale", "rrdb_run", "rrdb_close")
    values = dict.fromkeys(names, 1) | {"rrdb_scale": 4} | functions
    return SimpleNamespace(**{name: _Function(value) for name, value in values.items()})


class _Function:
    """Of ctypes: it can be given types."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self, *_: object) -> object:
        return self.value


def test_another_cpu_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: stand_in(rrdb_supported=0))
    with pytest.raises(ServingError, match=r"model 'm': .* which this CPU lacks\. Serve the model with configs/cpu"):
        WinogradNetwork(picture_config(tmp_path / WEIGHTS_FILE), 1)


@pytest.mark.parametrize(("code", "error"), [(1, InferenceFailed), (2, InputError), (9, InferenceFailed)])
def test_what_the_kernel_returns_is_an_error_of_its_kind(
    code: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(MAGIC)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: stand_in(rrdb_run=code))
    with pytest.raises(error, match="5×7 pixels"):
        RrdbNetwork(tmp_path / WEIGHTS_FILE).run(np.zeros((7, 5, 3), np.uint8), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": (TensorSpec("TILE", np.dtype(np.float32), (-1, -1, 3)),)}, "input 'TILE' is TYPE_FP32"),
        ({"inputs": (TensorSpec("TILE", UINT8, (-1, -1, 4)),)}, r"input 'TILE' is \[-1, -1, -1, 4\] in config.pbtxt"),
        ({"outputs": (TensorSpec("UPSCALED", UINT8, (-1, 3)),)}, r"output 'UPSCALED' is \[-1, -1, 3\] in config.pbtxt"),
        ({"outputs": ()}, "names 1 inputs and 0 outputs"),
    ],
)
def test_tensors_must_be_pictures(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=f"model 'm'.*{message}"):
        WinogradNetwork(picture_config(tmp_path / WEIGHTS_FILE, **changes), 1)


@pytest.mark.parametrize(
    ("parameters", "instances", "threads"),
    [({}, 1, CORES), ({"THREADS": "0"}, 1, CORES), ({"THREADS": "6"}, 1, 6), ({"THREADS": "6"}, 4, 1)],
)
def test_threads_are_the_cores_or_what_is_said(parameters: dict[str, str], instances: int, threads: int) -> None:
    assert read_threads(replace(BARE_CONFIG, parameters=parameters, instances=instances)) == threads
    assert len(os.sched_getaffinity(0)) == CORES


def test_gpu_instances_are_refused() -> None:
    with pytest.raises(ServingError, match=r"model 'm': .* runs KIND_CPU instances only, got KIND_GPU"):
        read_threads(replace(BARE_CONFIG, kind="GPU"))
