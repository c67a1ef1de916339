"""Benchmarks and their published results."""
