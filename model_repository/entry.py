"""What the entry points share: they stand in front of the ensemble ``enhance_photo``.

They give the ensemble the names that clients use: an ensemble cannot give out ``IMAGE`` where it takes in ``IMAGE``,
for it would feed its own answer to its first step again. And they tell the steps when the caller is gone. Parameters
and errors pass through as they are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import triton_python_backend_utils as pb_utils

from limner.cancellation import PARAMETER, lower_flag, new_token, raise_flag
from model_repository.calls import ask_all
from model_repository.step_model import Array, AsyncStepModel, Caller, tensor

_LOOK_SECONDS = 0.2
"""Pause between two looks whether the caller is gone."""


class EntryModel(AsyncStepModel):
    """A photo to the outputs of the ensemble; ``outputs`` gives the ensemble's name for each."""

    most: ClassVar[int | None] = 64
    outputs: ClassVar[Mapping[str, str]]

    def prepare(self) -> None:
        self._family = pb_utils.MetricFamily(
            name="limner_photos_at_work",
            description="Photos that the entry points work on.",
            kind=pb_utils.MetricFamily.GAUGE,
        )
        self._at_work = self._family.Metric(labels={"model": self.logger.name})

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        self._at_work.increment(1)
        try:
            return await self._ask_the_ensemble(request, caller)
        finally:
            self._at_work.increment(-1)

    async def _ask_the_ensemble(self, request: Any, caller: Caller) -> dict[str, Array]:
        token = new_token()
        inputs, parameters = {"IMAGE": tensor(request, "IMAGE")}, {**_passed_on(request), PARAMETER: token}
        waiting = asyncio.ensure_future(ask_all("enhance_photo", inputs, list(self.outputs.values()), parameters))
        try:
            while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
                if caller.is_gone():
                    raise_flag(token)
            return dict(zip(self.outputs, waiting.result(), strict=True))
        finally:
            lower_flag(token)


def _passed_on(request: Any) -> dict[str, str | int | bool]:
    """The request's parameters; a fraction as text, since BLS requests take none."""
    parameters = json.loads(request.parameters() or "{}")
    return {name: str(value) if isinstance(value, float) else value for name, value in parameters.items()}
