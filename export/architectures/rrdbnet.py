"""RRDBNet, the network of Real-ESRGAN x4plus and x2plus.

Follows ``basicsr.archs.rrdbnet_arch.RRDBNet`` (basicsr 1.4.2) and loads its state dict by the same key names.
The slope 0.2 of the activations and the residual factor 0.2 are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly, seeded_weights
from export.architectures.image_graph import ImageGraph

SLOPE = 0.2
RESIDUAL = 0.2


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell: everything but the network's weights."""

    scale: int = 4
    num_in_ch: int = 3
    num_out_ch: int = 3
    num_feat: int = 64
    num_block: int = 23
    num_grow_ch: int = 32

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Scales 1 and 2 fold 4×4 or 2×2 pixels into channels first, so the first convolution takes 16 or 4 times the
        channels that the last one gives.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        num_feat, first_in = channels_of(state, "conv_first.weight", origin)
        num_out_ch, _ = channels_of(state, "conv_last.weight", origin)
        num_grow_ch, _ = channels_of(state, "body.0.rdb1.conv1.weight", origin)
        scale = {1: 4, 4: 2, 16: 1}.get(first_in // max(num_out_ch, 1), 4)
        return Hyperparameters(
            scale=scale,
            num_in_ch=num_out_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_block=count_blocks(state, "body"),
            num_grow_ch=num_grow_ch,
        )


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it gave."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _convolution(features, growth)
        self.conv2 = _convolution(features + growth, growth)
        self.conv3 = _convolution(features + 2 * growth, growth)
        self.conv4 = _convolution(features + 3 * growth, growth)
        self.conv5 = _convolution(features + 4 * growth, features)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat((seen, functional.leaky_relu(layer(seen), SLOPE)), dim=1)
        result: Tensor = x + RESIDUAL * self.conv5(seen)
        return result


class ResidualInResidualBlock(nn.Module):
    """Three dense blocks with a shortcut around them."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(features, growth)
        self.rdb2 = ResidualDenseBlock(features, growth)
        self.rdb3 = ResidualDenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))
        return result


class RRDBNet(nn.Module):
    """FP32 [N, C, H, W] in [0, 1] → FP32 [N, C, scale·H, scale·W], about [0, 1], not clamped.

    H and W must be divisible by 2 at scale 2 and by 4 at scale 1.
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        features, growth = hyperparameters.num_feat, hyperparameters.num_grow_ch
        self.scale = hyperparameters.scale
        self.fold = 4 // self.scale
        self.conv_first = _convolution(hyperparameters.num_in_ch * self.fold**2, features)
        self.body = nn.Sequential(
            *(ResidualInResidualBlock(features, growth) for _ in range(hyperparameters.num_block))
        )
        self.conv_body = _convolution(features, features)
        self.conv_up1 = _convolution(features, features)
        self.conv_up2 = _convolution(features, features)
        self.conv_hr = _convolution(features, features)
        self.conv_last = _convolution(features, hyperparameters.num_out_ch)

    def forward(self, x: Tensor) -> Tensor:
        folded = functional.pixel_unshuffle(x, self.fold) if self.fold > 1 else x
        first = self.conv_first(folded)
        features = first + self.conv_body(self.body(first))
        for layer in (self.conv_up1, self.conv_up2):
            doubled = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = functional.leaky_relu(layer(doubled), SLOPE)
        result: Tensor = self.conv_last(functional.leaky_relu(self.conv_hr(features), SLOPE))
        return result


def build(state: StateDict, origin: str) -> RRDBNet:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    return load_strictly(RRDBNet(Hyperparameters.of(state, origin)), state, origin)


def served(network: nn.Module) -> ImageGraph:
    """What is exported: UINT8 [N, H, W, 3] RGB → UINT8 [N, scale·H, scale·W, 3] RGB."""
    return ImageGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not those of x4plus."""
    return seeded_weights(RRDBNet(Hyperparameters(**layout)), seed)


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Tiles to trace the graph with and to check it on: UINT8 [N, H, W, 3], sizes that differ in every axis."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),)
        for shape in ((2, 16, 24, 3), (1, 48, 40, 3))
    )
