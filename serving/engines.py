"""The folder in which TensorRT's engines are kept from start to start."""

from __future__ import annotations

import tempfile
from pathlib import Path

from limner.errors import ServingError

_ENGINES = Path(".limner") / "tensorrt"
"""From the server's working directory, as ``trt_engine_cache_path`` in ``configs/gpu.pbtxt`` has it."""


def make_engine_folder(working_directory: Path) -> None:
    """Make the folder for all models; in it ONNX Runtime makes one for each, and none above.

    Raises:
        ServingError: it cannot be made or written.
    """
    folder = working_directory / _ENGINES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ServingError(
            f"{folder}, where TensorRT's engines are kept, cannot be written ({error.strerror}). "
            "Let this user write there; in a container, mount a volume."
        ) from None
