"""``face_enhance``: the entry point, in front of the ensemble ``enhance_photo``.

It exists for the names alone: an ensemble cannot give out ``IMAGE`` where it takes in ``IMAGE``, for it would feed its
own answer to its first step again. Parameters and errors pass through as they are.
"""

from __future__ import annotations

import json
from typing import Any

import triton_python_backend_utils as pb_utils

from model_repository.step_model import Array, AsyncStepModel, raise_failure, tensor


class TritonPythonModel(AsyncStepModel):
    async def answer_async(self, request: Any) -> dict[str, Array]:
        query = pb_utils.InferenceRequest(
            model_name="enhance_photo",
            requested_output_names=["ENHANCED", "REPORT"],
            inputs=[pb_utils.Tensor("IMAGE", tensor(request, "IMAGE"))],
            parameters=json.loads(request.parameters() or "{}"),
        )
        reply = await query.async_exec()
        raise_failure(reply, "enhance_photo")
        enhanced, report = (
            pb_utils.get_output_tensor_by_name(reply, name).as_numpy() for name in ("ENHANCED", "REPORT")
        )
        return {"IMAGE": enhanced, "REPORT": report}
