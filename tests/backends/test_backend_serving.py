"""Both backends in a real Triton server, against ONNX Runtime in this process."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from tritonclient import grpc

from tests.backends.client import assert_photo, infer, photos, run_here
from tests.backends.networks import DTYPES, copy_network, photo_network
from tests.backends.repository import BACKENDS

both = pytest.mark.parametrize("backend", BACKENDS)


@both
def test_native_config_serves_uint8_photos(triton: grpc.InferenceServerClient, backend: str) -> None:
    """The model ``photo`` has a whole native configuration, warm-up included, and an empty reshape of ``mean``."""
    photo = photos(3)
    result = infer(triton, f"{backend}_photo", {"photo": photo})
    assert result.as_numpy("mean").shape == (3, 1)
    assert_photo(result, photo)


def test_onnxruntime_gives_the_very_same_pixels(triton: grpc.InferenceServerClient) -> None:
    photo = photos(2)
    result = infer(triton, "onnxruntime_photo", {"photo": photo})
    expected = run_here(photo_network(), {"photo": photo})
    np.testing.assert_array_equal(result.as_numpy("result"), expected["result"])


@both
def test_without_batching_the_first_axis_is_the_models_own(triton: grpc.InferenceServerClient, backend: str) -> None:
    photo = photos(5)
    result = infer(triton, f"{backend}_plain", {"photo": photo})
    assert result.as_numpy("mean").shape == (5,)
    assert_photo(result, photo)


@both
def test_every_dtype_comes_back_as_it_went(triton: grpc.InferenceServerClient, backend: str) -> None:
    rng = np.random.default_rng(3)
    dtypes = {name: onnx.helper.tensor_dtype_to_np_dtype(kind) for name, kind in DTYPES.items()}
    inputs = {f"in_{name}": rng.integers(0, 2, 9).astype(dtype) * 100 for name, dtype in dtypes.items()}
    inputs = {name: array.astype(dtypes[name.removeprefix("in_")]) for name, array in inputs.items()}
    expected = run_here(copy_network(), inputs)
    result = infer(triton, f"{backend}_copies", inputs)
    for name, array in expected.items():
        assert result.as_numpy(name).dtype == array.dtype
        np.testing.assert_array_equal(result.as_numpy(name), array)


def test_openvino_ir_is_the_default_file_and_its_types_follow_the_config(triton: grpc.InferenceServerClient) -> None:
    """The file takes and gives uint8, config.pbtxt says FP32: OpenVINO converts, natively too."""
    photo = photos(2)
    result = infer(triton, "openvino_ir", {"photo": photo.astype(np.float32)})
    assert result.as_numpy("result").dtype == np.float32
    expected = run_here(photo_network(), {"photo": photo})["result"]
    np.testing.assert_allclose(result.as_numpy("result"), expected.astype(np.float32), atol=1)


@pytest.mark.parametrize("model", ["openvino_single", "onnxruntime_single", "openvino_streams"])
@pytest.mark.parametrize("rows", [1, 3, 4])
def test_a_file_of_batch_one_serves_batches(triton: grpc.InferenceServerClient, model: str, rows: int) -> None:
    photo = photos(rows, seed=rows)
    assert_photo(infer(triton, model, {"photo": photo}), photo)


@pytest.mark.parametrize("rows", [1, 4])
def test_padding_does_not_show(triton: grpc.InferenceServerClient, rows: int) -> None:
    photo = photos(rows, 16, 16)
    assert_photo(infer(triton, "openvino_padded", {"photo": photo}), photo)


@both
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_dims", "input 'photo' is [-1, -1, -1, 4] in config.pbtxt"),
        ("wrong_dims", "[-1, -1, -1, 3] in the file"),
        ("unknown_key", "unknown key 'INTRA_OP_THREAD_COUNTS' in parameters"),
        ("no_file", "version 1 has no file 'model.onnx'"),
    ],
)
def test_a_wrong_model_is_refused_by_name(
    triton: grpc.InferenceServerClient, backend: str, name: str, message: str
) -> None:
    models = {model.name: model for model in triton.get_model_repository_index().models}
    refused = models[f"{backend}_{name}"]
    assert refused.state == "UNAVAILABLE"
    assert f"model '{backend}_{name}'" in refused.reason
    assert message in refused.reason
