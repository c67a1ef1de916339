"""A model file in OpenVINO: read, checked against config.pbtxt, reshaped, compiled, run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import openvino as ov

from backends.dtypes import Arrays
from backends.model_config import ModelConfig, TensorSpec
from backends.openvino.keys import OpenVinoKeys
from backends.validation import FileTensor, Leniency, check_config
from limner.errors import ServingError

_LENIENCY = Leniency(converts_dtypes=True, free_input_dims=True, fixed_output_dims=True)
_VIRTUAL_DEVICES = ("AUTO", "MULTI", "HETERO")
_T = TypeVar("_T")


class OpenVinoNetwork:
    """A compiled model. ``file_inputs`` are its inputs with the shapes that it was compiled for."""

    def __init__(self, config: ModelConfig, keys: OpenVinoKeys) -> None:
        """Raises ``ServingError`` for a file that cannot be read, does not fit config.pbtxt or does not compile."""
        core = ov.Core()
        _check_device(config, keys, core)
        if keys.extension:
            _attempt(config, "load the library of key 'CPU_EXTENSION_PATH'", lambda: core.add_extension(keys.extension))
        model = _attempt(config, f"read '{config.file.name}'", lambda: core.read_model(config.file))
        self.fixed_batch = _fixed_batch(config, keys, model)
        shapes = _new_shapes(config, keys, model, self.fixed_batch)
        if shapes:
            _attempt(config, f"reshape '{config.file.name}' to {shapes}", lambda: model.reshape(shapes))
        self.file_inputs: Sequence[FileTensor] = [_file_tensor(port, config.inputs) for port in model.inputs]
        outputs = [_file_tensor(port, config.outputs) for port in model.outputs]
        check_config(config, self.file_inputs, outputs, _LENIENCY)
        model = _convert_dtypes(config, model)
        compiled = _attempt(
            config,
            f"compile '{config.file.name}' for {keys.device} with {keys.properties}",
            lambda: core.compile_model(model, keys.device, keys.properties),
        )
        self._inputs = {spec.name: compiled.input(spec.name) for spec in config.inputs}
        self._outputs = {spec.name: compiled.output(spec.name) for spec in config.outputs}
        # More requests than streams would only wait for each other. Not AsyncInferQueue: one error breaks it for good.
        streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._requests = [compiled.create_infer_request() for _ in range(streams)]

    def infer(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """See ``backends.batching.Network``; inputs are read where they lie, outputs copied once."""
        results: list[Arrays] = []
        for start in range(0, len(batches), len(self._requests)):
            results += self._infer_together(batches[start : start + len(self._requests)])
        return results

    def _infer_together(self, batches: Sequence[Arrays]) -> list[Arrays]:
        running = self._requests[: len(batches)]
        try:
            for request, batch in zip(running, batches, strict=True):
                request.start_async(self._feed(batch), share_inputs=True)
        finally:  # whatever happened to one of them, a running one still reads its input
            errors = [error for request in running if (error := _wait(request))]
        if errors:
            raise errors[0]
        return [self._take_outputs(request) for request in running]

    def _feed(self, batch: Arrays) -> dict[Any, Any]:
        return {self._inputs[name]: array for name, array in batch.items()}

    def _take_outputs(self, request: Any) -> Arrays:
        """Copies; the request itself would keep the last picture for as long as no other comes."""
        taken = {}
        for name, port in self._outputs.items():
            data = request.get_tensor(port).data
            taken[name] = np.array(data)
            data.fill(0)
        return taken


def _wait(request: Any) -> Exception | None:
    """What went wrong with a request that was started, once it has ended."""
    try:
        request.wait()
    except Exception as error:
        return error
    return None


def _attempt(config: ModelConfig, what: str, action: Callable[[], _T]) -> _T:
    try:
        return action()
    except Exception as error:
        raise ServingError(f"model '{config.name}': OpenVINO cannot {what}: {error}") from error


def _check_device(config: ModelConfig, keys: OpenVinoKeys, core: Any) -> None:
    family = keys.device.partition(":")[0].partition(".")[0]
    present = {device.partition(".")[0] for device in core.available_devices}
    if family not in present.union(_VIRTUAL_DEVICES):
        raise ServingError(
            f"model '{config.name}': key 'TARGET_DEVICE' is '{keys.device}', this host has {', '.join(sorted(present))}"
        )


def _fixed_batch(config: ModelConfig, keys: OpenVinoKeys, model: Any) -> int | None:
    """The batch size to compile for: static shapes are faster, so fixed wherever only one size will come."""
    if config.max_batch_size == 0:
        return None
    if keys.pad_batches:
        return config.max_batch_size
    first = model.inputs[0].partial_shape
    if first.rank.is_static and len(first) and first[0].is_static:
        return int(first[0].get_length())
    return 1 if keys.skip_dynamic_batch or config.max_batch_size == 1 else None


def _new_shapes(config: ModelConfig, keys: OpenVinoKeys, model: Any, fixed_batch: int | None) -> dict[str, list[int]]:
    """The shapes to give to the inputs, none where the file's stay. What does not fit is left for ``check_config``."""
    shapes: dict[str, list[int]] = {}
    batch = [fixed_batch or -1] if config.max_batch_size else []
    for port in model.inputs:
        found = _file_tensor(port, config.inputs)
        spec = next((spec for spec in config.inputs if spec.name == found.name), None)
        if spec is None or len(batch) + len(spec.dims) != len(found.shape):
            continue
        wanted = [*batch, *(spec.dims if keys.reshape else found.shape[len(batch) :])]
        if wanted != list(found.shape):
            shapes[found.name] = wanted
    return shapes


def _file_tensor(port: Any, specs: Sequence[TensorSpec]) -> FileTensor:
    """A port may have several names; the one that config.pbtxt uses wins."""
    names = port.get_names()
    name = next((spec.name for spec in specs if spec.name in names), min(names, default=""))
    if port.partial_shape.rank.is_dynamic:
        return FileTensor(name, None, ())
    shape = tuple(dim.get_length() if dim.is_static else -1 for dim in port.partial_shape)
    return FileTensor(name, None, shape)


def _convert_dtypes(config: ModelConfig, model: Any) -> Any:
    """Insert conversions where config.pbtxt names another type than the file, as the native backend does."""
    steps = ov.preprocess.PrePostProcessor(model)
    changed = False
    for specs, get_port, get_step in (
        (config.inputs, model.input, steps.input),
        (config.outputs, model.output, steps.output),
    ):
        for spec in specs:
            wanted = ov.Type(spec.dtype)
            if get_port(spec.name).element_type != wanted:
                get_step(spec.name).tensor().set_element_type(wanted)
                changed = True
    return steps.build() if changed else model
