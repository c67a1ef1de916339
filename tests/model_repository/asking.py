"""Ask a single model of a server, and how often others have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from limner.errors import LimnerError, from_wire


def ask(
    client: triton.InferenceServerClient,
    model: str,
    inputs: Mapping[str, NDArray[Any]],
    outputs: Sequence[str],
    parameters: Mapping[str, str | float | bool] | None = None,
) -> list[NDArray[Any]]:
    """What one model of a server answers, output by output."""
    queries = []
    for name, array in inputs.items():
        query = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        query.set_data_from_numpy(array)
        queries.append(query)
    wanted = [triton.InferRequestedOutput(name) for name in outputs]
    answer = client.infer(model, queries, outputs=wanted, parameters=dict(parameters or {}), client_timeout=300)
    return [answer.as_numpy(name) for name in outputs]


def photo_facts(client: triton.InferenceServerClient, photo: bytes) -> NDArray[Any]:
    """What ``decode_image`` knows of a photo: the tensor ``PHOTO``."""
    (facts,) = ask(client, "decode_image", {"IMAGE": np.frombuffer(photo, np.uint8)}, ["PHOTO"])
    return facts


def refusal(call: Callable[[], object]) -> LimnerError:
    """The typed error that ``call`` is refused with."""
    with pytest.raises(InferenceServerException) as refused:
        call()
    error = from_wire(refused.value.message())
    assert error is not None, refused.value.message()
    return error


def times_asked(client: triton.InferenceServerClient, model: str) -> int:
    """How many tiles or faces a network has been given so far.

    Triton counts when the model has overwritten what it was sent, a moment after the answer is there.
    """
    before = -1
    while True:
        now = int(client.get_inference_statistics(model).model_stats[0].inference_count)
        if now == before:
            return now
        before = now
        time.sleep(0.1)
