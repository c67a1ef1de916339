"""What Triton tells an instance about its model, read once and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.dtypes import NUMPY
from limner.errors import ServingError


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of config.pbtxt. ``dims`` are those of the file: after ``reshape``, without the batch axis."""

    name: str
    dtype: np.dtype[Any]
    dims: tuple[int, ...]


@dataclass(frozen=True)
class ModelConfig:
    """The part of a model's configuration that a backend acts on; the rest is Triton's own business.

    ``max_batch_size`` 0 means that tensors carry no batch axis. ``instances`` counts all instances of the model.
    """

    name: str
    file: Path
    max_batch_size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: Mapping[str, str]
    optimization: Mapping[str, Any]
    custom_ops: tuple[str, ...]
    kind: str
    device_id: int
    instances: int


def read_model_config(args: Mapping[str, str], default_filename: str) -> ModelConfig:
    """The arguments of ``TritonPythonModel.initialize`` as a ``ModelConfig``.

    Raises ``ServingError`` for a model file that is not there and for what these backends do not do.
    """
    raw = json.loads(args["model_config"])
    name = raw["name"]
    _refuse_unsupported(name, raw)
    folder = Path(args["model_repository"]) / args["model_version"]
    file = folder / (raw.get("default_model_filename") or default_filename)
    if not file.exists():
        there = ", ".join(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ""
        version = args["model_version"]
        raise ServingError(
            f"model '{name}': version {version} has no file '{file.name}' (it holds: {there or 'nothing'})"
        )
    return ModelConfig(
        name=name,
        file=file,
        max_batch_size=int(raw.get("max_batch_size", 0)),
        inputs=tuple(_tensor(name, "input", entry) for entry in raw.get("input", [])),
        outputs=tuple(_tensor(name, "output", entry) for entry in raw.get("output", [])),
        parameters={key: value["string_value"] for key, value in raw.get("parameters", {}).items()},
        optimization=raw.get("optimization", {}),
        custom_ops=tuple(raw.get("model_operations", {}).get("op_library_filename", [])),
        kind=args["model_instance_kind"],
        device_id=int(args["model_instance_device_id"]),
        instances=sum(_instances(group) for group in raw.get("instance_group", [])) or 1,
    )


def _instances(group: Mapping[str, Any]) -> int:
    return int(group.get("count", 1)) * max(1, len(group.get("gpus", [])))


def _tensor(model: str, side: str, entry: Mapping[str, Any]) -> TensorSpec:
    dtype = NUMPY.get(entry["data_type"])
    if dtype is None:
        raise ServingError(
            f"model '{model}': {side} '{entry['name']}' is {entry['data_type']}, which this backend does not carry; "
            f"it carries {', '.join(NUMPY)}"
        )
    dims = entry["reshape"]["shape"] if "reshape" in entry else entry["dims"]
    return TensorSpec(entry["name"], dtype, tuple(int(dim) for dim in dims))


def _refuse_unsupported(model: str, raw: Mapping[str, Any]) -> None:
    found = [key for key in ("sequence_batching", "batch_input", "batch_output") if raw.get(key)]
    if raw.get("model_transaction_policy", {}).get("decoupled"):
        found.append("model_transaction_policy.decoupled")
    for side in ("input", "output"):
        for entry in raw.get(side, []):
            flags = ("optional", "allow_ragged_batch", "is_shape_tensor", "is_non_linear_format_io")
            found += [f"{side} '{entry['name']}' {flag}" for flag in flags if entry.get(flag)]
    if found:
        raise ServingError(f"model '{model}': this backend does not support {'; '.join(found)}")
