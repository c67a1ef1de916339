"""What the backends' ``TritonPythonModel`` have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import triton_python_backend_utils as pb_utils

from backends.batching import Network
from backends.execution import Executor
from backends.model_config import ModelConfig, read_model_config
from limner.undumpable import forbid_dumps, scrub_freed_memory
from limner.wiping import wipe, wipe_shared


class Instance(ABC):
    """One instance of a model: ``initialize`` comes once, ``execute`` for each batch, ``finalize`` at the end."""

    default_filename: ClassVar[str]

    @abstractmethod
    def load(self, config: ModelConfig) -> Network:
        """The network that ``config`` describes; raises ``ServingError``."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Raises ``ServingError``, which Triton reports as the reason why the model is not ready."""
        forbid_dumps()
        scrub_freed_memory()
        config = read_model_config(args, self.default_filename)
        self._executor = Executor(config, self.load(config))

    def execute(self, requests: Sequence[Any]) -> None:
        """Send what ``Executor.execute`` answers, and overwrite the tensors, which Triton has copied by then."""
        for request, answer in zip(requests, self._executor.execute(requests), strict=True):
            sender = request.get_response_sender()
            sender.send(answer, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            wipe(request.inputs())
            wipe_shared(answer.output_tensors())

    def finalize(self) -> None:
        """Free the network before the process ends."""
        del self._executor
