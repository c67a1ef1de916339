"""What the two backends' ``TritonPythonModel`` have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from backends.batching import Network
from backends.execution import Executor
from backends.model_config import ModelConfig, read_model_config


class Instance(ABC):
    """One instance of a model: ``initialize`` comes once, ``execute`` for each batch, ``finalize`` at the end."""

    default_filename: ClassVar[str]

    @abstractmethod
    def load(self, config: ModelConfig) -> Network:
        """The network that ``config`` describes; raises ``ServingError``."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Raises ``ServingError``, which Triton reports as the reason why the model is not ready."""
        config = read_model_config(args, self.default_filename)
        self._executor = Executor(config, self.load(config))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """See ``Executor.execute``."""
        return self._executor.execute(requests)

    def finalize(self) -> None:
        """Free the network before the process ends."""
        del self._executor
