"""What the service uses: memory, processors, files, and GPUs where there are any."""

from __future__ import annotations

from deploy.grafana.panels import BAD, GATEWAY, TRITON, WARN, Panel, Query, graph

_NEAR = [(None, "transparent"), (0.8, WARN), (0.9, BAD)]

_GATEWAY: list[Panel] = [
    graph(
        "Memory",
        "Resident memory of each gateway, with its limit: of its control group, else of the machine.",
        "bytes",
        Query(f"process_resident_memory_bytes{{{GATEWAY}}}", "{{instance}}"),
        Query(f"min(memory_limit_bytes{{{GATEWAY}}})", "limit"),
        runbook="LimnerMemoryNearLimit",
    ),
    graph(
        "Processor",
        "Cores that each gateway keeps busy. It is one process: 1 is all it can.",
        "none",
        Query(f"rate(process_cpu_seconds_total{{{GATEWAY}}}[$__rate_interval])", "{{instance}}"),
        steps=[(None, "transparent"), (0.9, BAD)],
        runbook="LimnerSlowAnswers",
    ),
    graph(
        "Results that wait",
        "Ciphertext in each gateway, with the limit; 0 with Redis.",
        "bytes",
        Query(f"held_result_bytes{{{GATEWAY}}}", "{{instance}}"),
        Query(f"min(held_result_limit_bytes{{{GATEWAY}}})", "limit"),
        runbook="LimnerHeldResultsNearLimit",
    ),
    graph(
        "Open files",
        "Share of what each gateway may open: connections, most of all.",
        "percentunit",
        Query(f"process_open_fds{{{GATEWAY}}} / process_max_fds{{{GATEWAY}}}", "{{instance}}"),
        most=1,
        steps=_NEAR,
        runbook="LimnerOpenFilesNearLimit",
    ),
    graph(
        "Age",
        "Time since each gateway started.",
        "s",
        Query(f"time() - process_start_time_seconds{{{GATEWAY}}}", "{{instance}}"),
        runbook="LimnerGatewayRestarting",
    ),
    graph(
        "Versions",
        "Gateways of each version.",
        "none",
        Query(f"count by (version) (limner_build_info{{{GATEWAY}}})", "{{version}}"),
    ),
]

_TRITON: list[Panel] = [
    graph(
        "Processors of the machine",
        "Share of the processors that are busy, as each Triton sees them: of the whole machine.",
        "percentunit",
        Query(f"nv_cpu_utilization{{{TRITON}}}", "{{instance}}"),
        most=1,
    ),
    graph(
        "Memory of the machine",
        "Share that is in use, as each Triton sees it: of the whole machine.",
        "percentunit",
        Query(f"nv_cpu_memory_used_bytes{{{TRITON}}} / nv_cpu_memory_total_bytes{{{TRITON}}}", "{{instance}}"),
        most=1,
        steps=_NEAR,
    ),
    graph(
        "Pinned memory",
        "Share of the pool for copies to a GPU; 0 without one.",
        "percentunit",
        Query(
            f"nv_pinned_memory_pool_used_bytes{{{TRITON}}} / nv_pinned_memory_pool_total_bytes{{{TRITON}}}",
            "{{instance}}",
        ),
        most=1,
        steps=_NEAR,
    ),
]

_GPU: list[Panel] = [
    graph(
        "GPU",
        "Share of the time that something ran on it. GPU only.",
        "percentunit",
        Query(f"nv_gpu_utilization{{{TRITON}}}", "{{instance}} {{gpu_uuid}}"),
        most=1,
    ),
    graph(
        "Memory of the GPU",
        "Share that is in use. GPU only.",
        "percentunit",
        Query(
            f"nv_gpu_memory_used_bytes{{{TRITON}}} / nv_gpu_memory_total_bytes{{{TRITON}}}", "{{instance}} {{gpu_uuid}}"
        ),
        most=1,
        steps=_NEAR,
    ),
    graph(
        "Power",
        "Drawn, of what the GPU may draw. GPU only.",
        "watt",
        Query(f"nv_gpu_power_usage{{{TRITON}}}", "{{instance}} {{gpu_uuid}}"),
        Query(f"nv_gpu_power_limit{{{TRITON}}}", "limit of {{gpu_uuid}}"),
    ),
]

ROWS = {"Gateways": _GATEWAY, "Tritons": _TRITON, "GPUs, where there are any": _GPU}
