"""What the words of a Triton error mean.

Inside an ensemble or a BLS call an error loses its gRPC status, so that the message is all there is to go by.
"""

from __future__ import annotations

import re
from typing import Final

from limner.errors import InferenceTimeout, InferenceUnavailable, LimnerError, QueueFull, from_wire

_MEANINGS: Final = (
    ("exceeds maximum queue size", QueueFull, "The queue is full. Try again in a few seconds."),
    (
        "shared memory pool",
        QueueFull,
        "The server has no shared memory left for this photo. Try again in a few seconds.",
    ),
    (
        "request timeout expired",
        InferenceTimeout,
        "The enhancement took too long. Try again later, or send a smaller photo.",
    ),
    (
        "server is stopping|server not ready",
        InferenceUnavailable,
        "The inference server is being stopped. Send the photo again in a few seconds.",
    ),
    (
        "request for unknown model.*has no available versions",
        InferenceUnavailable,
        "The inference server is starting. Send the photo again in a few seconds.",
    ),
    (
        "stub process.*not healthy",
        InferenceUnavailable,
        "A process of the inference server died and is being replaced. Send the photo again in a few seconds.",
    ),
)
"""Patterns of messages, in either case, and what they mean."""


def from_triton(message: str) -> LimnerError | None:
    """The error that a message stands for: our own where a model sent one; None where it is of no known kind."""
    own = from_wire(message)
    if own is not None:
        return own
    for pattern, error, told in _MEANINGS:
        if re.search(pattern, message, re.IGNORECASE | re.DOTALL):
            return error(told)
    return None
