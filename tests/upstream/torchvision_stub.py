"""Lets torchvision's package for CUDA be imported beside a PyTorch for CPUs.

Its compiled library does not load there, and its Python side then stumbles over operators that nobody declared. They
are declared here, without code behind them: upstream's inference calls only ``nms``, which gets one. basicsr 1.4.2
also imports a module that torchvision has dropped. Import this file before any upstream package.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import torch

_OPERATORS = {
    "roi_align": ("Tensor input, Tensor rois, float scale, SymInt ph, SymInt pw, int ratio, bool aligned", 1),
    "roi_pool": ("Tensor input, Tensor rois, float scale, SymInt ph, SymInt pw", 2),
    "ps_roi_align": ("Tensor input, Tensor rois, float scale, SymInt ph, SymInt pw, int ratio", 2),
    "ps_roi_pool": ("Tensor input, Tensor rois, float scale, SymInt ph, SymInt pw", 2),
    "qnms": ("Tensor dets, Tensor scores, float iou_threshold", 1),
    "deform_conv2d": (
        (
            "Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt sh, SymInt sw, SymInt ph, "
            "SymInt pw, SymInt dh, SymInt dw, SymInt groups, SymInt offset_groups, bool use_mask"
        ),
        1,
    ),
    "_roi_align_backward": (
        (
            "Tensor grad, Tensor rois, float scale, SymInt ph, SymInt pw, SymInt n, SymInt c, SymInt h, SymInt w, "
            "int ratio, bool aligned"
        ),
        1,
    ),
    "_roi_pool_backward": (
        (
            "Tensor grad, Tensor rois, Tensor argmax, float scale, SymInt ph, SymInt pw, SymInt n, SymInt c, SymInt h, "
            "SymInt w"
        ),
        1,
    ),
    "_ps_roi_align_backward": (
        (
            "Tensor grad, Tensor rois, Tensor map, float scale, SymInt ph, SymInt pw, int ratio, SymInt n, SymInt c, "
            "SymInt h, SymInt w"
        ),
        1,
    ),
    "_ps_roi_pool_backward": (
        (
            "Tensor grad, Tensor rois, Tensor map, float scale, SymInt ph, SymInt pw, SymInt n, SymInt c, SymInt h, "
            "SymInt w"
        ),
        1,
    ),
    "_deform_conv2d_backward": (
        (
            "Tensor grad, Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt sh, SymInt sw, "
            "SymInt ph, SymInt pw, SymInt dh, SymInt dw, SymInt groups, SymInt offset_groups, bool use_mask"
        ),
        5,
    ),
}


def _suppress(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Non-maximum suppression: FP32 [n, 4], [n] → kept indices, by falling score."""
    order = scores.argsort(descending=True, stable=True)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[order, :2])
        high = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = order[shared / (area[best] + area[order] - shared) <= iou_threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


def declare() -> torch.library.Library:
    """Declare the operators. The returned library must stay referenced for as long as they are wanted."""
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name, (arguments, results) in _OPERATORS.items():
        returned = "Tensor" if results == 1 else "(" + ", ".join(["Tensor"] * results) + ")"
        library.define(f"{name}({arguments}) -> {returned}")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.impl("nms", _suppress, "CPU")  # type: ignore[no-untyped-call]
    return library


def compiled_library_loads() -> bool:
    """Whether torchvision's own operators work here, as they do beside the PyTorch it was built for."""
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path()
    try:
        for library in folder.glob("_C*.so"):
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


LIBRARY = None if compiled_library_loads() else declare()

from torchvision import extension  # noqa: E402
from torchvision.transforms import functional  # noqa: E402

if LIBRARY is not None:
    extension._has_ops = lambda: True

_dropped = types.ModuleType("torchvision.transforms.functional_tensor")
_dropped.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
sys.modules[_dropped.__name__] = _dropped
