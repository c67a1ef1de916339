"""The model repository of these tests: models that must load, and models that must be refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import openvino as ov

from tests.backends.networks import DTYPES, copy_network, lookup_network, photo_network

BACKENDS = ("openvino", "onnxruntime")

# A whole configuration as it is written for each native backend.
NATIVE_KEYS = {
    "openvino": """
parameters: [
  { key: "NUM_STREAMS" value: { string_value: "1" } },
  { key: "PERFORMANCE_HINT" value: { string_value: "LATENCY" } },
  { key: "INFERENCE_NUM_THREADS" value: { string_value: "1" } },
  { key: "COMPILATION_NUM_THREADS" value: { string_value: "1" } },
  { key: "SKIP_OV_DYNAMIC_BATCHSIZE" value: { string_value: "NO" } }
]""",
    "onnxruntime": """
optimization {
  graph { level: 1 }
  execution_accelerators {
    gpu_execution_accelerator: [ {
      name: "tensorrt"
      parameters { key: "precision_mode" value: "FP16" }
      parameters { key: "max_workspace_size_bytes" value: "1073741824" }
    } ]
  }
}
parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
parameters { key: "execution_mode" value: { string_value: "0" } }
parameters { key: "enable_mem_arena" value: { string_value: "1" } }
parameters { key: "memory.enable_memory_arena_shrinkage" value: { string_value: "cpu:0" } }""",
}

CPU = "instance_group [ { count: 1 kind: KIND_CPU } ]"
QUEUE = "dynamic_batching { max_queue_delay_microseconds: 500000 }"


def _tensor(side: str, name: str, data_type: str, dims: str, more: str = "") -> str:
    return f'{side} {{ name: "{name}" data_type: TYPE_{data_type} dims: [ {dims} ] {more} }}\n'


def _photo(max_batch: int, height: str = "-1", more: str = "", dtype: str = "UINT8", channels: int = 3) -> str:
    batch = "" if max_batch else "-1, "
    return (
        f"max_batch_size: {max_batch}\n"
        + _tensor("input", "photo", dtype, f"{batch}{height}, {height}, {channels}")
        + _tensor("output", "result", dtype, f"{batch}{height}, {height}, 3")
        + _tensor("output", "mean", "FP32", "-1" if not max_batch else "1", "" if not max_batch else "reshape { }")
        + more
    )


def _key(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}\n'


def _warmup(height: int) -> str:
    return (
        'model_warmup [ { name: "zeros" batch_size: 2 inputs { key: "photo" value: '
        f"{{ data_type: TYPE_UINT8 dims: [ {height}, {height}, 3 ] zero_data: true }} }} }} ]\n"
    )


def _copies() -> str:
    names = DTYPES
    return "max_batch_size: 0\n" + "".join(
        _tensor("input", f"in_{name}", name, "-1") + _tensor("output", f"out_{name}", name, "-1") for name in names
    )


def _configs(backend: str) -> dict[str, tuple[str, onnx.ModelProto | None]]:
    photo = photo_network()
    lookup = "max_batch_size: 4\n" + _tensor("input", "index", "INT64", "1, 2", "reshape { shape: [ 2 ] }")
    lookup += _tensor("output", "value", "FP32", "2, 1", "reshape { shape: [ 2 ] }") + QUEUE
    return {
        "photo": (_photo(4, more=QUEUE + NATIVE_KEYS[backend] + _warmup(8)), photo),
        "plain": (_photo(0), photo),
        "copies": (_copies(), copy_network()),
        "single": (_photo(4, more=QUEUE), photo_network(batch=1)),
        "lookup": (lookup, lookup_network()),
        "wrong_dims": (_photo(4, channels=4), photo),
        "unknown_key": (_photo(4, more=_key("INTRA_OP_THREAD_COUNTS", "2")), photo),
        "no_file": (_photo(4), None),
    }


def _openvino_only() -> dict[str, tuple[str, onnx.ModelProto | None]]:
    padded = _key("ENABLE_BATCH_PADDING", "YES") + _key("RESHAPE_IO_LAYERS", "YES") + QUEUE
    streams = _key("NUM_STREAMS", "2") + _key("INFERENCE_NUM_THREADS", "2") + QUEUE
    return {
        "padded": (_photo(4, height="16", more=padded), photo_network()),
        "streams": (_photo(4, more=streams), photo_network(batch=1)),
    }


def write_repository(folder: Path) -> None:
    """Write ``BACKEND_NAME`` for every configuration, and ``openvino_ir``, an IR served under its default name."""
    for backend in BACKENDS:
        configs = _configs(backend) | (_openvino_only() if backend == "openvino" else {})
        for name, (config, network) in configs.items():
            version = folder / f"{backend}_{name}" / "1"
            version.mkdir(parents=True)
            head = f'backend: "{backend}"\ndefault_model_filename: "model.onnx"\n{CPU}\n'
            (version.parent / "config.pbtxt").write_text(head + config)
            if network is not None:
                onnx.save(network, version / "model.onnx")
    version = folder / "openvino_ir" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(f'backend: "openvino"\n{CPU}\n{_photo(4, dtype="FP32")}')
    source = folder / "openvino_photo" / "1" / "model.onnx"
    ov.save_model(ov.convert_model(source), version / "model.xml", compress_to_fp16=False)
