"""The graph around a network that turns one picture into another."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageGraph(nn.Module):
    """UINT8 [N, H, W, 3] RGB → UINT8 [N, H', W', 3] RGB, around a network that works on FP32 [N, 3, H, W] in [0, 1].

    Scaling, clamping and rounding (half to even, as ``RealESRGANer`` of realesrgan 0.3.0) are in the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def exact(self, image: Tensor) -> tuple[Tensor, ...]:
        """The result before rounding: FP32 [N, H', W', 3] in [0, 255]."""
        planes = image.to(torch.float32).permute(0, 3, 1, 2) / 255.0  # TensorRT takes UINT8 at a cast only
        restored = self.network(planes).clamp(0.0, 1.0)
        return (restored.permute(0, 2, 3, 1) * 255.0,)

    def forward(self, image: Tensor) -> Tensor:
        (restored,) = self.exact(image)
        return restored.round().to(torch.uint8)
