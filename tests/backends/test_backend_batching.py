"""Merging and splitting, and answers that Triton's client cannot provoke at will."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.batching import group, merge, run_batch, split
from backends.dtypes import Arrays
from backends.model_config import TensorSpec
from backends.validation import FileTensor
from limner.errors import InferenceFailed
from tests.backends.networks import BARE_CONFIG


def batch(rows: int, width: int = 2, start: int = 0) -> dict[str, NDArray[Any]]:
    return {"x": np.arange(start, start + rows * width, dtype=np.float32).reshape(rows, width)}


@dataclass
class Doubling:
    """A network that doubles, keeps the batch sizes that it saw, and fails on a negative value."""

    fixed_batch: int | None = None
    file_inputs: Sequence[FileTensor] = (FileTensor("x", np.dtype(np.float32), (-1, 2)),)
    seen: list[int] = field(default_factory=list)

    def infer(self, batches: Sequence[Arrays]) -> list[Arrays]:
        self.seen += [len(inputs["x"]) for inputs in batches]
        if any((inputs["x"] < 0).any() for inputs in batches):
            raise ValueError("value -183 is not allowed")
        return [{"y": inputs["x"] * 2} for inputs in batches]


def test_groups_hold_equal_shapes_up_to_the_limit() -> None:
    requests = [batch(1), batch(2), batch(1, width=3), batch(2), batch(1)]
    assert group(requests, 4) == [[0, 1], [2], [3, 4]]


def test_without_a_batch_axis_every_request_is_alone() -> None:
    assert group([batch(1), batch(1)], 0) == [[0], [1]]


def test_a_lone_request_is_not_copied() -> None:
    lone = batch(2)
    assert merge([lone])["x"] is lone["x"]


def test_split_gives_views_in_order() -> None:
    merged = batch(4)
    first, second = split(merged, [1, 3])
    np.testing.assert_array_equal(first["x"], merged["x"][:1])
    np.testing.assert_array_equal(second["x"], merged["x"][1:])
    assert first["x"].base is not None


def test_an_output_without_a_row_for_each_item_is_an_error() -> None:
    with pytest.raises(InferenceFailed, match=r"Output 'x' has shape \[3, 2\] for a batch of 4"):
        split(batch(3), [2, 2])


@pytest.mark.parametrize(
    ("fixed", "seen"), [(None, [5]), (1, [1, 1, 1, 1, 1]), (2, [2, 2, 2]), (5, [5]), (8, [8])], ids=str
)
def test_batches_fit_any_fixed_size(fixed: int | None, seen: list[int]) -> None:
    network = Doubling(fixed)
    np.testing.assert_array_equal(run_batch(network, batch(5))["y"], batch(5)["x"] * 2)
    assert network.seen == seen


@dataclass
class Request:
    """Stands in for ``pb_utils.InferenceRequest``."""

    arrays: Arrays
    cancelled: bool = False

    def inputs(self) -> list[Any]:
        return [
            SimpleNamespace(name=lambda name=name: name, as_numpy=lambda array=array: array)
            for name, array in self.arrays.items()
        ]

    def is_cancelled(self) -> bool:
        return self.cancelled


class TritonError(Exception):
    """Stands in for ``pb_utils.TritonError``."""

    INVALID_ARG, CANCELLED, INTERNAL = "INVALID_ARG", "CANCELLED", "INTERNAL"

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message, self.code = message, code


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lets ``backends.execution`` be imported outside Triton; the lines that it logs."""
    lines: list[str] = []
    utils: Any = ModuleType("triton_python_backend_utils")
    utils.TritonError = TritonError
    utils.Logger = SimpleNamespace(log_warn=lines.append)
    utils.Tensor = lambda name, array: (name, array)
    utils.InferenceResponse = lambda tensors, error=None: SimpleNamespace(tensors=dict(tensors), error=error)
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", utils)
    monkeypatch.delitem(sys.modules, "backends.execution", raising=False)
    yield lines
    sys.modules.pop("backends.execution", None)


def test_each_request_gets_its_own_answer(log: list[str]) -> None:
    execution = importlib.import_module("backends.execution")
    network = Doubling()
    config = replace(BARE_CONFIG, outputs=(TensorSpec("y", np.dtype(np.float32), (2,)),))
    requests = [
        Request(batch(1)),
        Request(batch(1), cancelled=True),
        Request(batch(1, width=3)),
        Request(batch(1, start=-5)),
        Request(batch(1, start=7)),
    ]
    answers = execution.Executor(config, network).execute(requests)
    assert [answer.error and answer.error.code for answer in answers] == [
        None,
        "CANCELLED",
        "INVALID_ARG",
        "INTERNAL",
        None,
    ]
    np.testing.assert_array_equal(answers[0].tensors["y"], batch(1)["x"] * 2)
    np.testing.assert_array_equal(answers[4].tensors["y"], batch(1, start=7)["x"] * 2)
    assert network.seen == [3, 1, 1, 1]  # together, then one by one to find the bad one
    assert answers[2].error.message.startswith("[invalid-input] Input 'x' has shape [1, 3]; the model takes [-1, 2]")
    assert log == ["model 'm' on 'x' [1, 2]: ValueError: value -# is not allowed"]  # no value of the input
