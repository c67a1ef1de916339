"""Ask another model (BLS): one request, one output."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from model_repository.step_model import Array, raise_failure


async def ask(model: str, inputs: dict[str, Array], output: str) -> Array:
    """What ``model`` answers to ``inputs``, by name.

    Raises:
        LimnerError: whatever the model failed with.
    """
    query = pb_utils.InferenceRequest(
        model_name=model,
        requested_output_names=[output],
        inputs=[pb_utils.Tensor(name, np.ascontiguousarray(array)) for name, array in inputs.items()],
    )
    reply: Any = await query.async_exec()
    raise_failure(reply, model)
    return np.asarray(pb_utils.get_output_tensor_by_name(reply, output).as_numpy())
