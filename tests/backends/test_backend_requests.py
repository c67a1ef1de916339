"""Requests that come together: merged where they fit, answered each on its own."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tritonclient import grpc

from tests.backends.client import assert_photo, infer_together, photos
from tests.backends.repository import BACKENDS

both = pytest.mark.parametrize("backend", BACKENDS)


def counts(client: grpc.InferenceServerClient, model: str) -> tuple[int, int]:
    """Items inferred, and executions that it took.

    Triton counts when the model has overwritten what it was sent, a moment after the answer is there.
    """
    before = None
    while True:
        statistics = client.get_inference_statistics(model).model_stats[0]
        now = statistics.inference_count, statistics.execution_count
        if now == before:
            return now
        before = now
        time.sleep(0.1)


@pytest.mark.parametrize("model", ["openvino_photo", "onnxruntime_photo", "openvino_padded", "openvino_streams"])
def test_requests_that_come_together_run_as_one_batch(triton: grpc.InferenceServerClient, model: str) -> None:
    before = counts(triton, model)
    requests = [photos(1, 16, 16, seed) for seed in range(4)]
    results = infer_together(triton, model, [{"photo": photo} for photo in requests])
    for result, photo in zip(results, requests, strict=True):
        assert_photo(result, photo)
    inferred, executed = np.subtract(counts(triton, model), before)
    assert (inferred, executed) == (4, 1)


@both
def test_requests_of_different_shapes_are_all_answered(triton: grpc.InferenceServerClient, backend: str) -> None:
    requests = [photos(rows, height, 9, seed=height) for rows, height in ((1, 8), (2, 10), (1, 8), (1, 10))]
    results = infer_together(triton, f"{backend}_photo", [{"photo": photo} for photo in requests])
    for result, photo in zip(results, requests, strict=True):
        assert_photo(result, photo)


@both
def test_a_request_that_the_file_cannot_take_is_the_callers_fault(
    triton: grpc.InferenceServerClient, backend: str
) -> None:
    """Width 0 passes config.pbtxt, which says -1."""
    good = photos(1, 8, 9)
    bad, fine = infer_together(triton, f"{backend}_photo", [{"photo": photos(1, 8, 0)}, {"photo": good}])
    assert bad.status() == "StatusCode.INVALID_ARGUMENT"
    assert "[invalid-input] Input 'photo' has shape [1, 8, 0, 3]; the model takes [-1, -1, -1, 3]" in bad.message()
    assert_photo(fine, good)


def test_one_failure_leaves_the_rest_of_its_batch_alone(triton: grpc.InferenceServerClient) -> None:
    before = counts(triton, "onnxruntime_lookup")
    indices = [np.array([[[first, 1]]], np.int64) for first in (3, 99, 5, 7)]
    results = infer_together(triton, "onnxruntime_lookup", [{"index": index} for index in indices])
    values = [result.as_numpy("value") for position, result in enumerate(results) if position != 1]
    np.testing.assert_array_equal(np.concatenate(values)[:, :, 0], [[3, 1], [5, 1], [7, 1]])
    assert results[1].status() == "StatusCode.INTERNAL"
    assert "[inference-failed] Model 'onnxruntime_lookup' failed on 'index' [1, 2]" in results[1].message()
    assert "99" not in results[1].message()  # no value of the input
    assert counts(triton, "onnxruntime_lookup")[1] - before[1] == 1
