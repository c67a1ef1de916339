"""``face_enhance``: the entry point, in front of the ensemble ``enhance_photo``.

It gives the ensemble the names that clients use: an ensemble cannot give out ``IMAGE`` where it takes in ``IMAGE``, for
it would feed its own answer to its first step again. And it tells the steps when the caller is gone. Parameters and
errors pass through as they are.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import triton_python_backend_utils as pb_utils

from model_repository.cancellation import PARAMETER, lower_flag, new_token, raise_flag
from model_repository.step_model import Array, AsyncStepModel, Caller, raise_failure, tensor

_LOOK_SECONDS = 0.2
"""Pause between two looks whether the caller is gone."""


class TritonPythonModel(AsyncStepModel):
    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        token = new_token()
        query = pb_utils.InferenceRequest(
            model_name="enhance_photo",
            requested_output_names=["ENHANCED", "REPORT"],
            inputs=[pb_utils.Tensor("IMAGE", tensor(request, "IMAGE"))],
            parameters={**json.loads(request.parameters() or "{}"), PARAMETER: token},
        )
        waiting = asyncio.ensure_future(query.async_exec())
        try:
            while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
                if caller.is_gone():
                    raise_flag(token)
            reply = waiting.result()
        finally:
            lower_flag(token)
        raise_failure(reply, "enhance_photo")
        enhanced, report = (
            pb_utils.get_output_tensor_by_name(reply, name).as_numpy() for name in ("ENHANCED", "REPORT")
        )
        return {"IMAGE": enhanced, "REPORT": report}
