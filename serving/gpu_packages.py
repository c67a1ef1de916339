"""What serving on a GPU without a container needs of the machine and of the Python environment."""

from __future__ import annotations

import importlib.util
import sysconfig
from ctypes.util import find_library
from pathlib import Path

from limner.errors import ServingError
from limner.gpu import has_gpu

_CUDA_PROVIDER = Path("capi") / "libonnxruntime_providers_cuda.so"
_LIBRARIES = (("cudart", "libcudart.so.12"), ("cudnn", "libcudnn.so.9"), ("nvinfer", "libnvinfer.so.10"))
"""What onnxruntime-gpu 1.23 is linked with, from packages of their own or installed on the system."""

_INSTALL = "Run `make serve LIMNER_PROFILE=gpu`, which installs it"


def check_profile(profile: str) -> None:
    """Find out before Triton starts that the embedded server cannot serve a profile here.

    Raises:
        ServingError: what is missing, and the command that mends it.
    """
    if profile == "tensorrt":
        raise ServingError(
            "LIMNER_PROFILE=tensorrt needs a Triton with the backend tensorrt, which the embedded one lacks. "
            "Use LIMNER_PROFILE=gpu, or NVIDIA's container with LIMNER_TRITON_URL: docs/gpu.md."
        )
    if profile == "gpu":
        _require_gpu()


def _require_gpu() -> None:
    if not has_gpu():
        raise ServingError(
            "LIMNER_PROFILE=gpu needs an NVIDIA GPU, and no driver for one is loaded: `nvidia-smi` would list it. "
            "Install the driver, or use LIMNER_PROFILE=cpu."
        )
    onnxruntime = _package("onnxruntime")
    if onnxruntime is None or not (onnxruntime / _CUDA_PROVIDER).is_file():
        raise ServingError(f"The installed onnxruntime runs on CPUs only; a GPU needs onnxruntime-gpu. {_INSTALL}.")
    found = {library.name for folder in library_folders() for library in folder.glob("*.so.*")}
    for name, library in _LIBRARIES:
        if library not in found and find_library(name) != library:
            raise ServingError(f"{library} is missing, which onnxruntime-gpu needs. {_INSTALL}.")


def library_folders(packages: Path | None = None) -> list[Path]:
    """Where pip put the libraries of CUDA, cuDNN and TensorRT; none of it on a machine without them.

    Args:
        packages: the folder of installed packages; None for the running environment's.
    """
    packages = packages or Path(sysconfig.get_path("purelib"))
    folders = (*sorted(packages.glob("nvidia/*/lib")), packages / "tensorrt_libs")
    return [folder for folder in folders if folder.is_dir()]


def _package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None
