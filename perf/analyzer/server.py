"""What the sweep asks Triton itself: which networks it has, how long one call takes, what each network has done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from export.models import MODELS
from limner.catalog import Catalog, CatalogEntry
from perf.analyzer.inputs import Case

_CALL_SECONDS = 300.0
_DTYPES = {"uint8": "UINT8", "float32": "FP32"}


@dataclass(frozen=True)
class Work:
    """What a network has done since the server started, in requests and nanoseconds."""

    requests: int
    items: int
    runs: int
    queue: int
    compute: int

    def since(self, earlier: Work) -> dict[str, float]:
        """Per request, in milliseconds; ``batch`` is how many items one run computed on average."""
        requests, items, runs = self.requests - earlier.requests, self.items - earlier.items, self.runs - earlier.runs
        return {
            "calls": requests,
            "batch": round(items / runs, 2),
            "queue_ms": round((self.queue - earlier.queue) / requests / 1e6, 1),
            "compute_ms": round((self.compute - earlier.compute) / requests / 1e6, 1),
        }


def served_networks(client: triton.InferenceServerClient) -> list[CatalogEntry]:
    """The networks that the server has, each once, as its catalogue describes them."""
    query = triton.InferInput("QUERY", [1], "UINT8")
    query.set_data_from_numpy(np.zeros(1, np.uint8))
    answer = client.infer("catalog", [query], client_timeout=_CALL_SECONDS).as_numpy("CATALOG")
    entries = Catalog.from_json(answer[0].decode()).entries
    return list({entry.model: entry for entry in entries if entry.available}.values())


def seconds_of_one_call(client: triton.InferenceServerClient, case: Case) -> float:
    """How long a call takes when nothing else is called.

    Raises:
        InferenceServerException: it failed.
    """
    inputs = []
    for name, array in case.tensors.items():
        inputs.append(triton.InferInput(name, list(array.shape), _DTYPES[array.dtype.name]))
        inputs[-1].set_data_from_numpy(np.ascontiguousarray(array))
    started = time.perf_counter()
    client.infer(case.model, inputs, parameters=dict(case.parameters), client_timeout=_CALL_SECONDS)
    return time.perf_counter() - started


def work_of_networks(client: triton.InferenceServerClient) -> dict[str, Work]:
    """What each network has done; nothing where the server does not tell."""
    names = {spec.name for spec in MODELS}
    try:
        statistics = client.get_inference_statistics()
    except triton.InferenceServerException:
        return {}
    return {model.name: _work(model) for model in statistics.model_stats if model.name in names}


def done_since(earlier: dict[str, Work], later: dict[str, Work]) -> dict[str, dict[str, float]]:
    """What the networks did between two looks; those that did nothing are left out."""
    return {
        name: work.since(earlier[name])
        for name, work in later.items()
        if name in earlier and work.requests > earlier[name].requests
    }


def _work(model: Any) -> Work:
    stats = model.inference_stats
    compute = stats.compute_input.ns + stats.compute_infer.ns + stats.compute_output.ns
    return Work(stats.success.count, model.inference_count, model.execution_count, stats.queue.ns, compute)
