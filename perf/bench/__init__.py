"""The whole pipeline against what a user could pick instead: ``python -m perf.bench``, also ``limner bench``."""
