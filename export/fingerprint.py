"""One value for everything that an export depends on: while it stays the same, the export is current."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from export.architectures import ARCHITECTURES
from export.manifest import Manifest
from export.models import OPSET, ModelSpec, model_spec
from export.precisions import Aim, Precision, runs_int8_fast
from export.sources import Source
from limner import __version__
from limner.settings import PROJECT_ROOT

_HERE = Path(__file__).parent
_SHARED_SOURCES = ("float_graph.py", "onnx_export.py", "parity.py", "precision/forms.py", "precision/value_names.py")
_READERS = (
    "checkpoint.py",
    "blend.py",
    "published_onnx.py",
    "ncnn.py",
    "packaged_realesrgan.py",
    "packaged_retinaface.py",
)
_PRECISION_SOURCES: dict[Precision, tuple[str, ...]] = {
    "fp32": ("openvino_ir.py",),
    "fp16": ("fp16.py", "half.py", "gate.py", "samples.py", "degrade.py"),
    "int8": ("openvino_ir.py", "int8.py", "recipes.py", "layers.py", "gate.py", "samples.py", "degrade.py"),
}
"""In ``export/precision/``: what decides on the bytes of each form."""

_WINOGRAD_SOURCES = ("export/winograd/*.py", "kernels/rrdb/*.cc", "kernels/rrdb/*.h")
"""From the project's root."""

_PLAN_SOURCES = ("precision/tensorrt.py", "tensorrt_profiles.py")
_TENSORRT = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13")

TOOLS = ("torch", "onnx", "onnxscript", "openvino", "nncf", "scikit-image", "opencv-python-headless")

_COMPILER = ("ziglang",)
"""Told in the manifest; another version of it leaves exports as they are."""


def fingerprint(spec: ModelSpec, source: Source, aim: Aim) -> str:
    """sha256 over weights, network, exporting code, tensors, opset and precision. Imports no PyTorch.

    INT8 differs between CPUs with and without VNNI or AMX. Where a plan is built, over the installed TensorRT as well,
    which must be that of the server; where Limner's own kernel runs the network in this precision, over it as well.
    """
    parts = {
        "weights": source.identity,
        "architecture": source.architecture,
        "code": _code_digest(source.architecture, aim.precision),
        "inputs": [tensor.describe() for tensor in spec.inputs],
        "outputs": [tensor.describe() for tensor in spec.outputs],
        "opset": OPSET,
        "precision": aim.precision,
        "version": spec.version,
    }
    if aim.precision == "int8" and not runs_int8_fast():
        parts["weights range"] = "half"
    if aim.plan:
        parts["plan"] = [_digest(_HERE / name for name in _PLAN_SOURCES), *_installed(_TENSORRT).items()]
    if aim.no_winograd is None and aim.precision == "int8" and ARCHITECTURES[source.architecture].winograd:
        parts["winograd"] = _digest(
            file for pattern in _WINOGRAD_SOURCES for file in sorted(PROJECT_ROOT.glob(pattern))
        )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tool_versions() -> dict[str, str]:
    """Versions of what takes part in an export, as far as it is installed. Imports none of it."""
    return {"limner": __version__, **_installed((*TOOLS, *_COMPILER))}


def tools_unchanged(recorded: dict[str, str]) -> bool:
    """Whether the installed tools are those recorded. One that is gone cannot tell, and is not asked."""
    installed = tool_versions()
    return all(installed[name] == recorded.get(name) for name in TOOLS if name in installed)


def is_current(manifest: Manifest, source: Source, aim: Aim) -> bool:
    """Whether an export is what would be made of ``source`` now."""
    if not tools_unchanged(manifest.tools):
        return False
    return manifest.fingerprint == fingerprint(model_spec(manifest.model), source, aim)


def _code_digest(architecture: str, precision: Precision) -> str:
    registered = ARCHITECTURES[architecture]
    files = [
        *(_HERE / "architectures" / f"{name}.py" for name in (registered.module, *registered.parts)),
        *(_HERE / name for name in (*_SHARED_SOURCES, *_READERS)),
        *(_HERE / "precision" / name for name in _PRECISION_SOURCES[precision]),
    ]
    return _digest(files)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _installed(names: Iterable[str]) -> dict[str, str]:
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
