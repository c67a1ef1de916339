"""Is the service well? Objectives, traffic, errors, latency, places."""

from __future__ import annotations

from deploy.grafana.panels import BAD, GATEWAY, GOOD, RULES, WARN, Panel, Query, graph, number, quantile, rate, rows

BURN = "LimnerErrorBudgetBurn"

_WELL: list[Panel] = [
    number(
        "Ready gateways",
        "Replicas in which an inference passed a short while ago, of all that are scraped.",
        "percentunit",
        Query(f"avg(ready{{{GATEWAY}}})", "ready"),
        steps=[(None, BAD), (0.5, WARN), (1, GOOD)],
        runbook="LimnerNotReady",
    ),
    number(
        "Budget left",
        "Of the failures that 99.9 % in 30 days allow. Needs as many days of Prometheus' memory.",
        "percentunit",
        Query(f"min(limner:error_budget:left30d{{{RULES}}})", "left"),
        steps=[(None, BAD), (0.1, WARN), (0.5, GOOD)],
        decimals=1,
        runbook=BURN,
    ),
    number(
        "Failed within an hour",
        "Share of valid requests that ended with a 5xx. The page comes above 1.44 %.",
        "percentunit",
        Query(f"max(limner:errors:ratio1h{{{RULES}}})", "failed"),
        steps=[(None, GOOD), (0.001, WARN), (0.0144, BAD)],
        decimals=2,
        runbook=BURN,
    ),
    number(
        "Photos",
        "Enhanced photos per second, those of batches among them.",
        "reqps",
        Query(rate("enhancement_requests_total", f'{GATEWAY}, status="200"'), "photos"),
        decimals=2,
    ),
    number(
        "Slowest twentieth",
        "Time at work in Triton that 95 % of the photos stay below.",
        "s",
        Query(f"max(limner:processing_time_seconds:p95_5m{{{RULES}}})", "p95"),
        decimals=1,
    ),
    number(
        "Places taken",
        "Uploads inside, of those that may be. At 100 % they are sent away.",
        "percentunit",
        Query(f"max(limner:places:share_taken{{{RULES}}})", "taken"),
        steps=[(None, GOOD), (0.5, WARN), (0.8, BAD)],
        runbook="LimnerQueueFilling",
    ),
]

_TRAFFIC: list[Panel] = [
    graph(
        "Photos by status",
        "Photos by the HTTP status of their outcome: of POST /v1/enhance, of tasks and of batches.",
        "reqps",
        Query(rate("enhancement_requests_total", GATEWAY, "status"), "{{status}}"),
        stacked=True,
    ),
    graph(
        "Refused uploads",
        "Photos and batches that became no task, by the type of the error.",
        "reqps",
        Query(f"{rate('uploads_refused_total', GATEWAY, 'reason')} > 0", "{{reason}}"),
        stacked=True,
        runbook="LimnerQueueFull",
    ),
    graph(
        "Budget burn",
        "How many times as fast as allowed the budget is used. Pages come above 14.4 (1 h) and 6 (6 h), tickets above "
        "3 (1 d) and 1 (3 d), while the short window that belongs to each is above, too.",
        "none",
        *(
            Query(f"max(limner:errors:ratio{window}{{{RULES}}}) / 0.001", window)
            for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
        ),
        steps=[(None, "transparent"), (1, "yellow"), (3, WARN), (6, "red"), (14.4, "purple")],
        runbook=BURN,
    ),
]

_LATENCY: list[Panel] = [
    graph(
        "At work in Triton",
        "Time at work of photos that succeeded, from their turn on.",
        "s",
        *(Query(quantile(share, "processing_time_seconds", GATEWAY), f"{share:.0%}") for share in (0.5, 0.95, 0.99)),
    ),
    graph(
        "Answers that wait for nothing",
        "Time to answer of each call but /v1/enhance; 95 % stay below. The objective is 200 ms.",
        "s",
        Query(quantile(0.95, "http_request_duration_seconds", GATEWAY, "method, route"), "{{method}} {{route}}"),
        steps=[(None, "transparent"), (0.2, BAD)],
        runbook="LimnerSlowAnswers",
    ),
    graph(
        "Answers above 200 ms",
        "Share of the answers to calls that do not wait for inference; probes and scrapes are left out.",
        "percentunit",
        *(Query(f"max(limner:slow_answers:ratio{window}{{{RULES}}})", window) for window in ("5m", "30m")),
        steps=[(None, "transparent"), (0.01, BAD)],
        runbook="LimnerSlowAnswers",
    ),
]

_CAPACITY: list[Panel] = [
    graph(
        "At work and waiting",
        "Photos at work and those that wait for their turn, with the places for each. Photos of batches wait, too, "
        "without taking a place.",
        "none",
        Query(f"sum(active_tasks{{{GATEWAY}}})", "at work"),
        Query(f"sum(queued_tasks{{{GATEWAY}}})", "waiting"),
        Query(f"sum(task_places{{{GATEWAY}}})", "places to work"),
        Query(f"sum(queue_places{{{GATEWAY}}})", "places to wait"),
        runbook="LimnerQueueFilling",
    ),
    graph(
        "Uploads inside",
        "Uploads that are being sent, wait or are worked on, of each replica.",
        "none",
        Query(f"places_taken{{{GATEWAY}}}", "{{instance}}"),
        runbook="LimnerQueueFull",
    ),
    graph(
        "Batches inside",
        "Of all replicas, with the places for them.",
        "none",
        Query(f"sum(active_batches{{{GATEWAY}}})", "batches"),
        Query(f"sum(batch_places{{{GATEWAY}}})", "places"),
    ),
]

_ALERTS: list[Panel] = [
    rows(
        "Alerts now",
        "What fires or is about to. Each has a page in docs/runbooks.",
        Query('sum by (alertname, severity, alertstate, instance, model) (ALERTS{alertname=~"Limner.+"})', ""),
    )
]

ROWS = {
    "Well?": _WELL,
    "Traffic and errors": _TRAFFIC,
    "Latency": _LATENCY,
    "Places": _CAPACITY,
    "Alerts": _ALERTS,
}
