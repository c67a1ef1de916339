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
    QueueFull,
    from_wire,
)

log = logging.getLogger("limner.triton")

MAX_LOGGED_CHARACTERS = 500


def to_limner_error(error: InferenceServerException) -> LimnerError:
    """Our own error where a model sent one; otherwise the one that fits the gRPC status.

    A failure of no known kind goes to the log with Triton's words, which speak of models and tensors, never of
    their contents; the caller gets a neutral sentence.
    """
    text = error.message() or ""
    own = from_wire(text)
    if own is not None:
        return own
    lowered = text.lower()
    # Within an ensemble these two lose their status, so they are known by their words.
    if "exceeds maximum queue size" in lowered:
        return QueueFull("The queue is full. Try again in a few seconds.")
    status = (error.status() or "").rpartition(".")[2]
    if status == "DEADLINE_EXCEEDED" or "request timeout expired" in lowered:
        return InferenceTimeout("The enhancement took too long. Try again later, or send a smaller photo.")
    if status == "CANCELLED":
        return Cancelled("The enhancement was cancelled.")
    if status == "UNAVAILABLE":
        return InferenceUnavailable("The inference server cannot be reached at the moment. Try again in a few seconds.")
    log.error("Triton answered %s: %s", status or "without a status", text[:MAX_LOGGED_CHARACTERS])
    return InferenceFailed("The enhancement failed inside the server. Its log has the cause under this request id.")
