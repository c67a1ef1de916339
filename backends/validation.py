"""config.pbtxt against the model file (at load) and a request against the model file (at every request)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.dtypes import Arrays, triton_name
from backends.model_config import ModelConfig, TensorSpec
from limner.errors import InputError, ServingError


@dataclass(frozen=True)
class FileTensor:
    """An input or output as the model file declares it; -1 in ``shape`` is a free dimension."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Leniency:
    """Where the native backends differ: OpenVINO converts types and takes -1 for a dimension that the file fixes."""

    converts_dtypes: bool = False
    free_input_dims: bool = False
    fixed_output_dims: bool = False


def check_config(
    config: ModelConfig, inputs: Sequence[FileTensor], outputs: Sequence[FileTensor], leniency: Leniency
) -> None:
    """Raise ``ServingError`` naming model, tensor, what the configuration says and what the file says."""
    _check_names(config.name, "input", config.inputs, [tensor.name for tensor in inputs])
    _check_names(config.name, "output", config.outputs, [tensor.name for tensor in outputs])
    missing = [tensor.name for tensor in inputs if tensor.name not in {spec.name for spec in config.inputs}]
    if missing:
        raise ServingError(f"model '{config.name}': the file takes input '{missing[0]}', config.pbtxt does not name it")
    for side, specs, tensors in (("input", config.inputs, inputs), ("output", config.outputs, outputs)):
        found = {tensor.name: tensor for tensor in tensors}
        for spec in specs:
            _check_dtype(config.name, side, spec, found[spec.name], leniency)
            _check_shape(config, side, spec, found[spec.name], leniency)


def _check_names(model: str, side: str, specs: Iterable[TensorSpec], found: Sequence[str]) -> None:
    for spec in specs:
        if spec.name not in found:
            raise ServingError(
                f"model '{model}': config.pbtxt names {side} '{spec.name}', the file has {', '.join(found) or 'none'}"
            )


def _check_dtype(model: str, side: str, spec: TensorSpec, found: FileTensor, leniency: Leniency) -> None:
    if found.dtype != spec.dtype and not leniency.converts_dtypes:
        is_ = triton_name(found.dtype) if found.dtype is not None else "a type that Triton does not have"
        raise ServingError(
            f"model '{model}': {side} '{spec.name}' is {triton_name(spec.dtype)} in config.pbtxt, {is_} in the file"
        )


def _check_shape(config: ModelConfig, side: str, spec: TensorSpec, found: FileTensor, leniency: Leniency) -> None:
    skipped = 1 if config.max_batch_size else 0
    full = (-1,) * skipped + spec.dims
    wanted, given = spec.dims, found.shape[skipped:]
    fits = len(full) == len(found.shape) and all(map(_fits(side, leniency), wanted, given))
    if not fits:
        batch = f" (with the batch axis that max_batch_size {config.max_batch_size} adds)" if skipped else ""
        raise ServingError(
            f"model '{config.name}': {side} '{spec.name}' is {list(full)} in config.pbtxt{batch}, "
            f"{list(found.shape)} in the file"
        )


def _fits(side: str, leniency: Leniency) -> Any:
    free_in_file = side == "input" or leniency.fixed_output_dims
    free_in_config = side == "input" and leniency.free_input_dims

    def fits(wanted: int, given: int) -> bool:
        return wanted == given or (given == -1 and free_in_file) or (wanted == -1 and free_in_config)

    return fits


def check_request(inputs: Arrays, expected: Mapping[str, FileTensor], batched: bool) -> None:
    """Raise ``InputError`` for a tensor that the model file cannot take, although config.pbtxt lets it pass."""
    skipped = 1 if batched else 0
    for name, array in inputs.items():
        shape = expected[name].shape
        fits = array.ndim == len(shape) and all(
            want in (-1, got) for want, got in zip(shape[skipped:], array.shape[skipped:], strict=True)
        )
        if not fits or array.size == 0:
            takes = list((-1,) * skipped + shape[skipped:])
            raise InputError(
                f"Input '{name}' has shape {list(array.shape)}; the model takes {takes}, -1 being 1 or more."
            )
