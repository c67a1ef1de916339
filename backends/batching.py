"""Merging requests into batches and cutting the results apart again: arrays only, no Triton and no runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.dtypes import Arrays
from backends.validation import FileTensor
from limner.errors import InferenceFailed


class Network(Protocol):
    """A loaded model file.

    ``file_inputs`` are its inputs; ``fixed_batch`` is the only batch size it can run, None where it takes any or has
    no batch axis.
    """

    file_inputs: Sequence[FileTensor]
    fixed_batch: int | None

    def infer(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """Run each batch; they may run at the same time. The results are the caller's own copies."""
        ...


def group(requests: Sequence[Arrays], limit: int) -> list[list[int]]:
    """Positions of the requests that may run as one batch: equal shapes beyond axis 0, at most ``limit`` items.

    With ``limit`` 0, where there is no batch axis, every request is a group of its own.
    """
    if limit == 0:
        return [[position] for position in range(len(requests))]
    groups: list[list[int]] = []
    open_groups: dict[object, tuple[list[int], int]] = {}
    for position, inputs in enumerate(requests):
        key = tuple((name, array.shape[1:]) for name, array in sorted(inputs.items()))
        members, filled = open_groups.get(key, ([], limit))
        if filled + rows(inputs) > limit:
            members, filled = [], 0
            groups.append(members)
        members.append(position)
        open_groups[key] = (members, filled + rows(inputs))
    return groups


def rows(inputs: Arrays) -> int:
    """The number of items of a batch."""
    return int(next(iter(inputs.values())).shape[0])


def merge(requests: Sequence[Arrays]) -> Arrays:
    """One batch out of several along axis 0; a lone request is passed on without a copy."""
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([inputs[name] for inputs in requests]) for name in requests[0]}


def run_batch(network: Network, batch: Arrays) -> Arrays:
    """Run a batch of any size on a network that may know one size only: cut, pad with zeros, join, cut off."""
    fixed = network.fixed_batch
    if fixed is None:
        return network.infer([batch])[0]
    total = rows(batch)
    pieces = [_piece(batch, start, fixed) for start in range(0, total, fixed)]
    results = network.infer(pieces)
    if len(results) == 1:
        return {name: array[:total] for name, array in results[0].items()}
    return {name: np.concatenate([result[name] for result in results])[:total] for name in results[0]}


def _piece(batch: Arrays, start: int, size: int) -> Arrays:
    return {name: _padded(array[start : start + size], size) for name, array in batch.items()}


def _padded(array: NDArray[Any], size: int) -> NDArray[Any]:
    if len(array) == size:
        return array
    padded = np.zeros((size, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded


def split(outputs: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """The outputs of a merged batch per request, as views.

    Raises ``InferenceFailed`` where an output does not have one row for each item.
    """
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != sum(sizes):
            raise InferenceFailed(f"Output '{name}' has shape {list(array.shape)} for a batch of {sum(sizes)}.")
    ends = np.cumsum(sizes).tolist()
    return [
        {name: array[end - size : end] for name, array in outputs.items()}
        for end, size in zip(ends, sizes, strict=True)
    ]
