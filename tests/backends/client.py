"""Calling the server, and the answers that are expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from tritonclient import grpc

from backends.dtypes import Arrays
from tests.backends.networks import photo_network

_FLOATS = {"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"}


def run_here(network: onnx.ModelProto, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """The outputs that ONNX Runtime gives in this process."""
    session = ort.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def tensor(name: str, array: NDArray[Any]) -> grpc.InferInput:
    """An input of a request."""
    made = grpc.InferInput(name, list(array.shape), _FLOATS.get(str(array.dtype), str(array.dtype).upper()))
    return made.set_data_from_numpy(array)


def infer(client: grpc.InferenceServerClient, model: str, inputs: Arrays) -> Any:
    """One request, awaited."""
    return client.infer(model, [tensor(name, array) for name, array in inputs.items()])


def infer_together(client: grpc.InferenceServerClient, model: str, requests: Sequence[Arrays]) -> list[Any]:
    """The results, or exceptions, of requests sent at once."""

    def one(inputs: Arrays) -> Any:
        try:
            return infer(client, model, inputs)
        except grpc.InferenceServerException as error:
            return error

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def photos(rows: int, height: int = 12, width: int = 17, seed: int = 1) -> NDArray[np.uint8]:
    """Noise, uint8 [rows,height,width,3]."""
    return np.random.default_rng(seed).integers(0, 256, (rows, height, width, 3), np.uint8)


def assert_photo(result: Any, photo: NDArray[np.uint8]) -> None:
    """``result`` is what ``photo_network`` makes of ``photo``."""
    expected = run_here(photo_network(), {"photo": photo})
    got = result.as_numpy("result")
    assert got.dtype == np.uint8
    # OpenVINO sums the convolution in another order, so a value may round the other way.
    np.testing.assert_allclose(got.astype(int), expected["result"].astype(int), atol=1)
    np.testing.assert_allclose(result.as_numpy("mean").reshape(-1), expected["mean"], rtol=1e-5)
