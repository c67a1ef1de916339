"""A model file in ONNX Runtime: loaded, checked against config.pbtxt, run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from backends.dtypes import Arrays
from backends.model_config import ModelConfig
from backends.onnxruntime.keys import SessionKeys
from backends.onnxruntime.providers import choose_providers
from backends.validation import FileTensor, Leniency, check_config
from limner.errors import ServingError

_DTYPES = {
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}


class OnnxRuntimeNetwork:
    """A session. ``file_inputs`` are the inputs as the model file declares them."""

    def __init__(self, config: ModelConfig, keys: SessionKeys) -> None:
        """Raises ``ServingError`` for a provider or file that cannot be loaded or does not fit config.pbtxt."""
        providers = choose_providers(config, ort.get_available_providers())
        file = config.file / "model.onnx" if config.file.is_dir() else config.file
        try:
            # Its own fallback would take the CPU, now or at a later run, and print the reason where nobody reads it.
            self._session = ort.InferenceSession(
                file, _session_options(config, keys), providers=providers, enable_fallback=0
            )
        except Exception as error:
            raise ServingError(f"model '{config.name}': ONNX Runtime cannot load '{file.name}': {error}") from error
        # ONNX Runtime drops a provider whose libraries do not load, and goes on without a word to the caller.
        missing = [name for name, _ in providers if name not in self._session.get_providers()]
        if missing:
            raise ServingError(f"model '{config.name}': {missing[0]} is installed, but its libraries cannot be loaded")
        self._run_options = ort.RunOptions()
        for key, value in keys.run_entries.items():
            self._run_options.add_run_config_entry(key, value)
        self._output_names = [spec.name for spec in config.outputs]
        self.file_inputs: Sequence[FileTensor] = [_file_tensor(node) for node in self._session.get_inputs()]
        check_config(config, self.file_inputs, [_file_tensor(node) for node in self._session.get_outputs()], Leniency())
        batch = self.file_inputs[0].shape[0] if config.max_batch_size else -1
        self.fixed_batch = None if batch == -1 else batch

    def infer(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """See ``backends.batching.Network``; inputs are read where they lie, outputs are new arrays."""
        return [self._infer_one(batch) for batch in batches]

    def _infer_one(self, batch: Arrays) -> Arrays:
        outputs = self._session.run(self._output_names, dict(batch), self._run_options)
        return dict(zip(self._output_names, outputs, strict=True))


def _session_options(config: ModelConfig, keys: SessionKeys) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, keys.graph_level)
    options.execution_mode = ort.ExecutionMode.ORT_PARALLEL if keys.parallel else ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = keys.intra_op_threads
    options.inter_op_num_threads = keys.inter_op_threads
    if keys.memory_arena is not None:
        options.enable_cpu_mem_arena = keys.memory_arena
    if keys.memory_pattern is not None:
        options.enable_mem_pattern = keys.memory_pattern
    for key, value in keys.session_entries.items():
        options.add_session_config_entry(key, value)
    for library in config.custom_ops:
        options.register_custom_ops_library(library)
    return options


def _file_tensor(node: Any) -> FileTensor:
    shape = tuple(dim if isinstance(dim, int) else -1 for dim in node.shape)
    dtype = _DTYPES.get(node.type)
    return FileTensor(node.name, None if dtype is None else np.dtype(dtype), shape)
