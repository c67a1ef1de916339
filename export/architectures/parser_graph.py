"""The graph around a network that tells the parts of an aligned face."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ParserGraph(nn.Module):
    """UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512], the number of the likeliest class of every pixel.

    Args:
        network: FP32 [N, 3, 512, 512] → logits FP32 [N, classes, 512, 512].
        mean, deviation: of each channel, in [0, 1], as the network was trained with.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, network: nn.Module, mean: tuple[float, float, float], deviation: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1) * 255.0, persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, 3, 1, 1) * 255.0, persistent=False)

    def exact(self, face: Tensor) -> tuple[Tensor, ...]:
        """The logits: FP32 [N, classes, 512, 512]."""
        planes = face.to(torch.float32).permute(0, 3, 1, 2)  # TensorRT takes UINT8 at a cast only
        logits: Tensor = self.network((planes - self.mean) / self.deviation)
        return (logits,)

    def forward(self, face: Tensor) -> Tensor:
        (logits,) = self.exact(face)
        return logits.argmax(dim=1).to(torch.uint8)
