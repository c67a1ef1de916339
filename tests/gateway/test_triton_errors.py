from __future__ import annotations

import logging

import pytest
from tritonclient.utils import InferenceServerException

from gateway.triton import TritonClient
from gateway.triton_errors import to_limner_error
from limner.errors import (
    Cancelled,
    DamagedImage,
    EmptyImage,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    LimnerError,
    QueueFull,
)
from limner.options import Options


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("INVALID_ARGUMENT", "[empty-image] The file is empty.", EmptyImage),
        ("INTERNAL", "in ensemble 'face_enhance', [damaged-image] The file ends early.", DamagedImage),
        ("UNAVAILABLE", "[0] Exceeds maximum queue size", QueueFull),
        ("INTERNAL", "in ensemble 'face_enhance', [request id: a] Exceeds maximum queue size", QueueFull),
        ("UNAVAILABLE", "Request timeout expired", InferenceTimeout),
        ("UNAVAILABLE", "failed to connect to all addresses", InferenceUnavailable),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", InferenceTimeout),
        ("CANCELLED", "request cancelled", Cancelled),
        ("INTERNAL", "Tensor shape [7] of /models/1 is wrong", InferenceFailed),
        ("NOT_FOUND", "Request for unknown model: 'face_enhance' is not found", InferenceFailed),
        ("INTERNAL", "[no-such-type] hello", InferenceFailed),
    ],
)
def test_mapping(status: str, message: str, expected: type[LimnerError]) -> None:
    error = to_limner_error(InferenceServerException(message, status=f"StatusCode.{status}"))
    assert type(error) is expected


def test_public_message_of_a_model_is_kept_and_others_are_neutral(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        own = to_limner_error(InferenceServerException("in ensemble 'e', [empty-image] The file is empty."))
        other = to_limner_error(InferenceServerException("/models/secret.py line 3" + "x" * 5000))
    assert own.message == "The file is empty."
    assert "secret" not in other.message
    assert "/models/secret.py" in caplog.text
    assert len(caplog.text) < 1000


async def test_no_server_is_unavailable() -> None:
    client = TritonClient("127.0.0.1:1")
    try:
        with pytest.raises(InferenceUnavailable):
            await client.enhance(b"x", Options(), request_id="test", timeout=5)
    finally:
        await client.close()
