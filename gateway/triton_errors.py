"""What Triton's errors mean to a caller."""

from __future__ import annotations

import logging

from tritonclient.utils import InferenceServerException

from limner.errors import (
    Cancelled,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    LimnerError,
)
from limner.triton_messages import from_triton

log = logging.getLogger("limner.triton")

MAX_LOGGED_CHARACTERS = 500


def to_limner_error(error: InferenceServerException) -> LimnerError:
    """Our own error where a model sent one; otherwise the one that fits the gRPC status.

    A failure of no known kind goes to the log with Triton's words, which speak of models and tensors, never of
    their contents; the caller gets a neutral sentence.
    """
    text = error.message() or ""
    known = from_triton(text)
    if known is not None:
        return known
    status = (error.status() or "").rpartition(".")[2]
    if status == "DEADLINE_EXCEEDED":
        return InferenceTimeout("The enhancement took too long. Try again later, or send a smaller photo.")
    if status == "CANCELLED":
        return Cancelled("The enhancement was cancelled.")
    if status == "UNAVAILABLE":
        return InferenceUnavailable("The inference server cannot be reached at the moment. Try again in a few seconds.")
    log.error("Triton answered %s: %s", status or "without a status", text[:MAX_LOGGED_CHARACTERS])
    return InferenceFailed("The enhancement failed inside the server. Its log has the cause under this request id.")
