"""A ``model.rrdb`` in Limner's own kernel: loaded, checked against config.pbtxt, run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np

from backends.dtypes import Arrays
from backends.model_config import ModelConfig
from backends.validation import FileTensor, Leniency, check_config
from limner.errors import ServingError
from limner.rrdb import KernelUnusable, RrdbNetwork

_LENIENCY = Leniency(fixed_output_dims=True)


class WinogradNetwork:
    """UINT8 [N, H, W, 3] → UINT8 [N, scale·H, scale·W, 3]. The file names no tensors: names are config.pbtxt's."""

    def __init__(self, config: ModelConfig, threads: int) -> None:
        """Raises ``ServingError`` for files that cannot be used here and for tensors that are not a picture's."""
        if len(config.inputs) != 1 or len(config.outputs) != 1:
            raise ServingError(
                f"model '{config.name}': the winograd backend takes one picture and gives one, config.pbtxt names "
                f"{len(config.inputs)} inputs and {len(config.outputs)} outputs"
            )
        given, result = (
            FileTensor(tensors[0].name, np.dtype(np.uint8), (-1, -1, -1, 3))
            for tensors in (config.inputs, config.outputs)
        )
        check_config(config, [given], [result], _LENIENCY)
        try:
            self._network = RrdbNetwork(config.file)
        except KernelUnusable as error:
            raise ServingError(f"model '{config.name}': {error}") from error
        self._threads = threads
        self._result_name = result.name
        self.file_inputs: Sequence[FileTensor] = [given]
        self.fixed_batch: int | None = None

    def infer(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """See ``backends.batching.Network``."""
        return [self._infer(batch) for batch in batches]

    def _infer(self, batch: Arrays) -> Arrays:
        """Pictures of a batch run side by side, each on its share of the threads: so they wait less for each other."""
        (pictures,) = batch.values()
        count, height, width, channels = pictures.shape
        scale = self._network.scale
        results = np.empty((count, scale * height, scale * width, channels), np.uint8)
        together = min(count, self._threads)
        with ThreadPoolExecutor(together) as pool:
            list(pool.map(self._network.run, pictures, repeat(self._threads // together), results))
        return {self._result_name: results}
