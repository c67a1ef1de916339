"""The image steps as pure functions: arrays in, new arrays out. Nothing here knows Triton, HTTP or files."""
