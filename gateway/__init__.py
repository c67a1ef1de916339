"""The HTTP side: uploads, limits and answers. Talks to Triton over gRPC only."""
