"""Ten tasks at once, against the networks alone: ``python -m perf.concurrency``."""
