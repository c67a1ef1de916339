"""The embedded Triton process: locate, assemble, start, watch, stop."""
