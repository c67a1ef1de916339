"""Where the time goes: steps of the pipeline, canaries, and each model in Triton."""

from __future__ import annotations

from deploy.grafana.panels import BAD, GATEWAY, MODEL, TRITON, Panel, Query, graph, mean, quantile, rate

_STEPS: list[Panel] = [
    graph(
        "Share of each step",
        "Mean seconds a photo spends in each step, on top of each other. Restoring and enlarging run side by side, so "
        "that the sum is more than a photo takes.",
        "s",
        Query(mean("step_seconds_sum", "step_seconds_count", f'{GATEWAY}, step!="total"', "step"), "{{step}}"),
        stacked=True,
    ),
    graph(
        "Slowest twentieth of each step",
        "95 % of the photos stay below.",
        "s",
        Query(quantile(0.95, "step_seconds", GATEWAY, "step"), "{{step}}"),
    ),
    graph(
        "Canaries",
        "Tiny photos that are sent while no other has passed for an interval; they decide readiness.",
        "reqps",
        Query(rate("canaries_total", GATEWAY, "outcome"), "{{outcome}}"),
        span=4,
        runbook="LimnerCanaryFailing",
    ),
    graph(
        "Retries",
        "Photos that were given to another Triton because the first was gone (inference-unavailable) or full "
        "(temporary-reduced-capacity).",
        "cps",
        Query(rate("triton_retries_total", GATEWAY, "reason"), "{{reason}}"),
        span=4,
        runbook="LimnerTritonDown",
    ),
]

_MODELS: list[Panel] = [
    graph(
        "Requests",
        "Successful requests of each model. One photo makes many of the networks' requests: tiles and faces.",
        "reqps",
        Query(rate("nv_inference_request_success", MODEL, "model"), "{{model}}"),
    ),
    graph(
        "Wait for an instance",
        "Mean time in the model's own queue. It grows first where Triton is too small.",
        "s",
        Query(f"max by (model) (limner:triton_queue_seconds:mean5m{{{MODEL}}})", "{{model}}"),
        steps=[(None, "transparent"), (5, BAD)],
        runbook="LimnerTritonQueueSlow",
    ),
    graph(
        "Compute",
        "Mean time of an execution in the model itself, a whole batch of requests.",
        "µs",
        Query(mean("nv_inference_compute_infer_duration_us", "nv_inference_exec_count", MODEL, "model"), "{{model}}"),
    ),
    graph(
        "Batch size",
        "Inferences in one execution. 1 means that nothing could be put together.",
        "none",
        Query(mean("nv_inference_count", "nv_inference_exec_count", MODEL, "model"), "{{model}}"),
    ),
    graph(
        "Pending",
        "Requests that wait for an execution, now.",
        "none",
        Query(f"sum by (model) (nv_inference_pending_request_count{{{MODEL}}})", "{{model}}"),
        runbook="LimnerTritonQueueSlow",
    ),
    graph(
        "Failures",
        "Damaged photos are among them, as OTHER of the model that took the photo in. REJECTED: the queue was full.",
        "reqps",
        Query(f"{rate('nv_inference_request_failure', MODEL, 'model, reason')} > 0", "{{model}} {{reason}}"),
        runbook="LimnerTritonRejecting",
    ),
    graph(
        "Input and output",
        "Mean time that tensors take into and out of the model, of an execution.",
        "µs",
        Query(
            mean("nv_inference_compute_input_duration_us", "nv_inference_exec_count", MODEL, "model"), "{{model}} in"
        ),
        Query(
            mean("nv_inference_compute_output_duration_us", "nv_inference_exec_count", MODEL, "model"), "{{model}} out"
        ),
    ),
    graph(
        "Request",
        "Mean time of a whole request: queue, tensors and compute.",
        "µs",
        Query(mean("nv_inference_request_duration_us", "nv_inference_request_success", MODEL, "model"), "{{model}}"),
    ),
    graph(
        "Work of each Triton",
        "Photos through each replica. Uneven lines mean that the load is spread unevenly.",
        "reqps",
        Query(
            rate("nv_inference_request_success", f'{TRITON}, model="face_enhance"', "instance"),
            "{{instance}}",
        ),
        runbook="LimnerTritonDown",
    ),
]

ROWS = {"Steps, from the reports": _STEPS, "Models in Triton": _MODELS}
