"""Answering Triton's requests: each on its own, whatever happens to the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import triton_python_backend_utils as pb_utils

from backends.batching import Network, group, merge, rows, run_batch, split
from backends.dtypes import Arrays
from backends.model_config import ModelConfig
from backends.validation import check_request
from limner.errors import Cancelled, InferenceFailed, InputError, LimnerError

_CANCELLED = Cancelled("The request was cancelled before it ran.")


class Executor:
    """Runs the requests that one instance gets on one network."""

    def __init__(self, config: ModelConfig, network: Network) -> None:
        self.config = config
        self.network = network
        self.file_inputs = {tensor.name: tensor for tensor in network.file_inputs}

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One ``pb_utils.InferenceResponse`` for each request, in order.

        Codes: INVALID_ARG for what the caller can mend, CANCELLED, INTERNAL for the rest. Messages hold no data.
        """
        answers: dict[int, Arrays | LimnerError] = {}
        inputs: dict[int, Arrays] = {}
        for position, request in enumerate(requests):
            try:
                inputs[position] = self._read(request)
            except LimnerError as error:
                answers[position] = error
        positions = list(inputs)
        for members in group([inputs[position] for position in positions], self.config.max_batch_size):
            chosen = [positions[member] for member in members]
            gone = [position for position in chosen if requests[position].is_cancelled()]
            live = [position for position in chosen if position not in gone]
            answers |= dict.fromkeys(gone, _CANCELLED)
            answers |= zip(live, self._run([inputs[position] for position in live]), strict=True)
        return [self._response(answers[position]) for position in range(len(requests))]

    def _read(self, request: Any) -> Arrays:
        inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        check_request(inputs, self.file_inputs, batched=self.config.max_batch_size > 0)
        return inputs

    def _run(self, members: Sequence[Arrays]) -> list[Arrays | LimnerError]:
        if not members:
            return []
        try:
            outputs = run_batch(self.network, merge(members))
            return [*split(outputs, [rows(inputs) for inputs in members])] if self.config.max_batch_size else [outputs]
        except Exception as error:
            if len(members) > 1:  # one of them is at fault; the others are still good
                return [answer for inputs in members for answer in self._run([inputs])]
            return [self._failure(error, members[0])]

    def _failure(self, error: Exception, inputs: Arrays) -> LimnerError:
        if isinstance(error, LimnerError):
            return error
        shapes = ", ".join(f"'{name}' {list(array.shape)}" for name, array in inputs.items())
        # A runtime may quote a value of the input ("index 183 is out of bounds"), which may be a pixel.
        reason = re.sub(r"\d+", "#", str(error))[:500]
        pb_utils.Logger.log_warn(f"model '{self.config.name}' on {shapes}: {type(error).__name__}: {reason}")
        return InferenceFailed(f"Model '{self.config.name}' failed on {shapes}; the server's log says why.")

    def _response(self, answer: Arrays | LimnerError) -> Any:
        if isinstance(answer, LimnerError):
            return pb_utils.InferenceResponse([], pb_utils.TritonError(answer.to_wire(), _code(answer)))
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(spec.name, answer[spec.name]) for spec in self.config.outputs]
        )


def _code(error: LimnerError) -> Any:
    if isinstance(error, InputError):
        return pb_utils.TritonError.INVALID_ARG
    if isinstance(error, Cancelled):
        return pb_utils.TritonError.CANCELLED
    return pb_utils.TritonError.INTERNAL
