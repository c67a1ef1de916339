"""Triton's words become errors of ours."""

from __future__ import annotations

import pytest

from limner.errors import EmptyImage, InferenceTimeout, InferenceUnavailable, LimnerError, QueueFull
from limner.triton_messages import from_triton


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("in ensemble 'enhance_photo', [empty-image] The file is empty. Send a photo.", EmptyImage),
        ("in ensemble 'x', [request id: 7] Exceeds maximum queue size", QueueFull),
        ("in ensemble 'x', Request timeout expired", InferenceTimeout),
        ("Failed to process the request(s), message: Stub process 'decode_image_0_0' is not healthy.",
         InferenceUnavailable),
        ("message: TritonModelException: Failed to increase the shared memory pool size for key 'limner_1' to 8388608",
         QueueFull),
        ("Request for unknown model: 'face_enhance' has no available versions", InferenceUnavailable),
        ("Model enhance_photo - Error when running inference: Server not ready", InferenceUnavailable),
        ("in ensemble 'x', Server is stopping, scheduler for model has stopped accepting", InferenceUnavailable),
    ],
)  # fmt: skip
def test_known_words(message: str, kind: type[LimnerError]) -> None:
    assert type(from_triton(message)) is kind


def test_unknown_words() -> None:
    assert from_triton("CUDA error: an illegal memory access was encountered") is None
