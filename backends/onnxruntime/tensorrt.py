"""Options of the TensorRT accelerator: Triton's key to ONNX Runtime's option, with the kind of value."""

from __future__ import annotations

from backends.parameters import Parameters

_PRECISIONS = {"FP32": None, "FP16": "trt_fp16_enable", "BF16": "trt_bf16_enable", "INT8": "trt_int8_enable"}

_RENAMED = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}
_COUNTS = (
    "max_workspace_size_bytes",
    "trt_builder_optimization_level",
    "trt_dla_core",
    "trt_ep_context_embed_mode",
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
)
_FLAGS = (
    "int8_use_native_calibration_table",
    "trt_build_heuristics_enable",
    "trt_context_memory_sharing_enable",
    "trt_cuda_graph_enable",
    "trt_detailed_build_log",
    "trt_dla_enable",
    "trt_dump_ep_context_model",
    "trt_dump_subgraphs",
    "trt_engine_cache_enable",
    "trt_force_sequential_engine_build",
    "trt_force_timing_cache",
    "trt_layer_norm_fp32_fallback",
    "trt_sparsity_enable",
    "trt_timing_cache_enable",
)
_TEXTS = (
    "int8_calibration_table_name",
    "trt_auxiliary_streams",
    "trt_engine_cache_path",
    "trt_engine_cache_prefix",
    "trt_ep_context_file_path",
    "trt_extra_plugin_lib_paths",
    "trt_profile_max_shapes",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_tactic_sources",
    "trt_timing_cache_path",
)


def tensorrt_options(parameters: Parameters, device_id: int) -> dict[str, str]:
    """Provider options of ``TensorrtExecutionProvider``.

    Raises ``ServingError`` naming model and key for an unknown key or a wrong value.
    """
    parameters.refuse_unknown(("precision_mode", *_COUNTS, *_FLAGS, *_TEXTS))
    options = {"device_id": str(device_id)}
    precision = _PRECISIONS[parameters.choice("precision_mode", tuple(_PRECISIONS)) or "FP32"]
    if precision:
        options[precision] = "1"
    for key in parameters.values:
        if key in _COUNTS:
            options[_RENAMED.get(key, key)] = str(parameters.count(key))
        elif key in _FLAGS:
            options[_RENAMED.get(key, key)] = "1" if parameters.flag(key) else "0"
        elif key in _TEXTS:
            options[_RENAMED.get(key, key)] = parameters.values[key]
    return options
