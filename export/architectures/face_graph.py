"""The graph around a network that restores aligned faces."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def normalised(face: Tensor) -> Tensor:
    """UINT8 [N, H, W, 3] → FP32 [N, 3, H, W] in [-1, 1], as ``GFPGANer`` of gfpgan 1.3.8 prepares a face."""
    return face.to(torch.float32).permute(0, 3, 1, 2) / 127.5 - 1.0  # TensorRT takes UINT8 at a cast only


def in_levels(restored: Tensor) -> Tensor:
    """FP32 [N, 3, H, W], about [-1, 1] → FP32 [N, H, W, 3] in [0, 255], as ``tensor2img`` of basicsr 1.4.2."""
    return (restored.clamp(-1.0, 1.0).permute(0, 2, 3, 1) + 1.0) * 127.5


class FaceGraph(nn.Module):
    """UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512, 3] RGB, around a network on FP32 [N, 3, 512, 512] in [-1, 1].

    Normalisation, clamping and rounding (half to even) are in the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def exact(self, face: Tensor) -> tuple[Tensor, ...]:
        """The result before rounding: FP32 [N, 512, 512, 3] in [0, 255]."""
        return (in_levels(self.network(normalised(face))),)

    def forward(self, face: Tensor) -> Tensor:
        (restored,) = self.exact(face)
        return restored.round().to(torch.uint8)
