"""Steps of an ensemble that are at work side by side, and the step where their branches meet.

Where a step fails while another is at work, Triton's ensemble answers at once, and never lets go of the request and its
tensors: photos would pile up in memory, and a stop would wait in vain (Triton 2.51, ``EnsembleContext::PrepareSteps``).
So such a step always succeeds in Triton's eyes. What went wrong is among its facts, and the next step raises it.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

from limner.cancellation import raise_flag, token_of
from limner.errors import Cancelled, from_wire
from model_repository.step_model import Array, AsyncStepModel, json_tensor, response

_FAILURE = "failure"


class BranchModel(AsyncStepModel, ABC):
    """Base of the models beside which another one is at work for the same photo."""

    facts: ClassVar[str]
    """The output that holds JSON, and the failure where there was one."""

    nothing: ClassVar[Mapping[str, Array]]
    """The other outputs, empty."""

    def failed(self, request: Any, error: Exception) -> Any:
        """An empty response that tells of the error. The other branches are told that nobody waits for them."""
        if (token := token_of(request)) is not None:
            raise_flag(token)
        wanted = request.requested_output_names()
        empty = {name: array for name, array in self.nothing.items() if name in wanted}
        return response({**empty, self.facts: json_tensor({_FAILURE: self.told(error).to_wire()})})


def raise_failures(*facts: Mapping[str, Any]) -> None:
    """Raise what went wrong in branches, by their facts: the cause rather than a cancellation that came of it.

    Raises:
        LimnerError: as the branch raised it.
    """
    told = (from_wire(each[_FAILURE]) for each in facts if _FAILURE in each)
    errors = [error for error in told if error is not None]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Cancelled))
