"""Ask a single model of a server, and how often others have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tritonclient.grpc as triton
from numpy.typing import NDArray
from tritonclient.utils import np_to_triton_dtype


def ask(
    client: triton.InferenceServerClient,
    model: str,
    inputs: Mapping[str, NDArray[Any]],
    outputs: Sequence[str],
    parameters: Mapping[str, str | int | bool] | None = None,
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


def times_asked(client: triton.InferenceServerClient, model: str) -> int:
    """How many tiles or faces a network has been given so far."""
    return int(client.get_inference_statistics(model).model_stats[0].inference_count)
