"""NVIDIA's ``perf_analyzer`` against the entry model and single models: install, inputs, sweep, report."""
