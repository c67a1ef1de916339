"""What Prometheus is told of how full the gateway is, and whether it is ready. Asked whenever it is scraped."""

from __future__ import annotations

from gateway.memory_limit import memory_limit
from gateway.services import Services
from limner.errors import LimnerError


def add_gauges(services: Services) -> None:
    """Add gauges of places, limits and readiness to the metrics of ``services``."""
    settings, queue, batches, gauge = services.settings, services.queue, services.batches, services.metrics.gauge
    gauge("ready", "1 while /readyz answers 200, else 0.", lambda: _is_ready(services))
    gauge("places_taken", "Uploads inside: sending, waiting or at work.", lambda: queue.admitted)
    gauge("task_places", "Enhancements that may be at work at once.", lambda: queue.limit)
    gauge("queue_places", "Uploads that may be inside beside those at work.", lambda: queue.waiting)
    gauge("active_batches", "Batches inside.", lambda: batches.active)
    gauge("batch_places", "Batches that may be inside at once.", lambda: batches.limit)
    gauge("held_result_limit_bytes", "Most bytes of results in this process.", lambda: settings.max_held_bytes)
    limit = memory_limit()
    gauge("memory_limit_bytes", "What this process may take, of its control group or the machine.", lambda: limit)


def _is_ready(services: Services) -> bool:
    try:
        services.queue.refuse_if_closed()
        services.readiness.check()
    except LimnerError:
        return False
    return True
