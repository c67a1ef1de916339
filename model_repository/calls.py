"""Ask another model (BLS)."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from limner.wiping import wipe_shared
from model_repository.step_model import Array, raise_failure


async def ask(model: str, inputs: dict[str, Array], output: str) -> Array:
    """The one output wanted of what ``model`` answers to ``inputs``, by name; errors as :func:`ask_all`."""
    (answer,) = await ask_all(model, inputs, [output])
    return answer


async def ask_all(
    model: str, inputs: dict[str, Array], outputs: list[str], parameters: dict[str, str | int | bool] | None = None
) -> list[Array]:
    """What ``model`` answers to ``inputs``, in the order of ``outputs``: arrays of the caller's own.

    What the two models passed to each other in shared memory is overwritten.

    Raises:
        LimnerError: whatever the model failed with.
    """
    given = [pb_utils.Tensor(name, np.ascontiguousarray(array)) for name, array in inputs.items()]
    query = pb_utils.InferenceRequest(
        model_name=model, requested_output_names=outputs, inputs=given, parameters=parameters or {}
    )
    reply: Any = await query.async_exec()
    wipe_shared(given)
    raise_failure(reply, model)
    arrays = [np.asarray(pb_utils.get_output_tensor_by_name(reply, output).as_numpy()) for output in outputs]
    wipe_shared(reply.output_tensors())
    return arrays
