"""What the words of a Triton error mean.

Inside an ensemble or a BLS call an error loses its gRPC status, so that the message is all there is to go by.
"""

from __future__ import annotations

from limner.errors import InferenceTimeout, InferenceUnavailable, LimnerError, QueueFull, from_wire


def from_triton(message: str) -> LimnerError | None:
    """The error that a message stands for: our own where a model sent one; None where it is of no known kind."""
    own = from_wire(message)
    if own is not None:
        return own
    lowered = message.lower()
    if "exceeds maximum queue size" in lowered:
        return QueueFull("The queue is full. Try again in a few seconds.")
    if "request timeout expired" in lowered:
        return InferenceTimeout("The enhancement took too long. Try again later, or send a smaller photo.")
    if "server is stopping" in lowered:
        return InferenceUnavailable("The inference server is being stopped. Send the photo again in a few seconds.")
    if "stub process" in lowered and "not healthy" in lowered:
        return InferenceUnavailable(
            "A process of the inference server died and is being replaced. Send the photo again in a few seconds."
        )
    return None
