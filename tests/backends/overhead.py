"""What a backend adds to an inference: ``python -m tests.backends.overhead`` prints the table of docs/backends.md.

``direct`` calls the runtime in this process. ``execution`` is Triton's own figure for the backend, from the requests
going in to the responses coming out. ``client`` is a whole gRPC call over loopback.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tritonclient import grpc

from tests.backends.client import tensor
from tests.backends.repository import BACKENDS, CPU
from tests.backends.server import serve

_SIZE, _SCALE, _ROUNDS, _WARM_UP = 128, 4, 300, 30


def upscaling_network(features: int) -> onnx.ModelProto:
    """uint8 [n,128,128,3] to uint8 [n,512,512,3] with three convolutions of ``features`` channels."""
    rng = np.random.default_rng(5)
    widths = [3, features, features, 3 * _SCALE**2]
    nodes = [
        helper.make_node("Cast", ["tile"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["layer0"], perm=[0, 3, 1, 2]),
    ]
    weights = []
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        weight = rng.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"weight{index}"))
        nodes.append(helper.make_node("Conv", [f"layer{index}", f"weight{index}"], [f"sum{index}"], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"sum{index}"], [f"layer{index + 1}"]))
    limits = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("low", 0), ("high", 255))]
    nodes += [
        helper.make_node("DepthToSpace", ["layer3"], ["large"], blocksize=_SCALE),
        helper.make_node("Clip", ["large", "low", "high"], ["clipped"]),
        helper.make_node("Transpose", ["clipped"], ["pixels"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["pixels"], ["result"], to=TensorProto.UINT8),
    ]
    inputs = [helper.make_tensor_value_info("tile", TensorProto.UINT8, ["n", _SIZE, _SIZE, 3])]
    large = _SIZE * _SCALE
    outputs = [helper.make_tensor_value_info("result", TensorProto.UINT8, ["n", large, large, 3])]
    graph = helper.make_graph(nodes, "upscale", inputs, outputs, weights + limits)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def direct(backend: str, file: Path, tile: NDArray[np.uint8]) -> Callable[[], object]:
    """One inference in this process, by the shortest way that the runtime has."""
    if backend == "onnxruntime":
        session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"tile": tile})
    core = ov.Core()
    model = core.read_model(file)
    model.reshape([1, *tile.shape[1:]])
    request = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return lambda: request.infer({0: tile}, share_inputs=True, share_outputs=True)


def measure(
    client: grpc.InferenceServerClient, model: str, here: Callable[[], object], tile: NDArray[np.uint8]
) -> list[float]:
    """Medians in ms of direct, execution and client; they take turns, so that all see the same state of the machine."""
    inputs = [tensor("tile", tile)]

    def spent() -> int:
        figures = client.get_inference_statistics(model).model_stats[0].inference_stats
        return int(figures.compute_input.ns + figures.compute_infer.ns + figures.compute_output.ns)

    rounds = []
    for _ in range(_WARM_UP + _ROUNDS):
        start = time.perf_counter_ns()
        here()
        alone = time.perf_counter_ns() - start
        before = spent()
        start = time.perf_counter_ns()
        client.infer(model, inputs)
        call = time.perf_counter_ns() - start
        rounds.append((alone, spent() - before, call))
    return [statistics.median(column) / 1e6 for column in zip(*rounds[_WARM_UP:], strict=True)]


def main() -> None:
    tile = np.random.default_rng(0).integers(0, 256, (1, _SIZE, _SIZE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = {}
        for backend in BACKENDS:
            for features in (4, 32, 128):
                name = f"{backend}_{features}"
                version = folder / "models" / name / "1"
                version.mkdir(parents=True)
                files[name] = version / "model.onnx"
                onnx.save(upscaling_network(features), files[name])
                (version.parent / "config.pbtxt").write_text(
                    f'backend: "{backend}" default_model_filename: "model.onnx" max_batch_size: 1 {CPU}\n'
                    f'input {{ name: "tile" data_type: TYPE_UINT8 dims: [ {_SIZE}, {_SIZE}, 3 ] }}\n'
                    f'output {{ name: "result" data_type: TYPE_UINT8 dims: [ 512, 512, 3 ] }}\n'
                )
        sys.stdout.write("| backend, channels | direct | execution | client |\n|---|---|---|---|\n")
        with serve(folder) as client:
            for name, file in files.items():
                here = direct(name.partition("_")[0], file, tile)
                medians = measure(client, name, here, tile)
                sys.stdout.write(f"| {name} | {' | '.join(f'{median:.1f}' for median in medians)} |\n")


if __name__ == "__main__":
    main()
