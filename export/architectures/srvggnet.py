"""SRVGGNetCompact, the small and quick network of Real-ESRGAN general-x4v3.

Follows ``realesrgan.archs.srvgg_arch.SRVGGNetCompact`` (realesrgan 0.3.0, also in basicsr 1.4.2) with PReLU and loads
its state dict by the same key names. All convolutions work at the input's size; the last one gives the pixels of the
enlarged picture as channels, as what is to be added to the picture enlarged without smoothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly, seeded_weights
from export.architectures.image_graph import ImageGraph


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell: everything but the network's weights."""

    num_in_ch: int = 3
    num_feat: int = 64
    num_conv: int = 32
    upscale: int = 4

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Under ``body`` stand convolutions and activations by turns, beginning and ending with a convolution.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        num_feat, num_in_ch = channels_of(state, "body.0.weight", origin)
        layers = count_blocks(state, "body")
        last, _ = channels_of(state, f"body.{layers - 1}.weight", origin)
        return Hyperparameters(
            num_in_ch=num_in_ch,
            num_feat=num_feat,
            num_conv=max((layers - 3) // 2, 0),
            upscale=math.isqrt(max(last // num_in_ch, 1)),
        )


class SRVGGNetCompact(nn.Module):
    """FP32 [N, C, H, W] in [0, 1] → FP32 [N, C, upscale·H, upscale·W], about [0, 1], not clamped."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        channels, features = hyperparameters.num_in_ch, hyperparameters.num_feat
        self.upscale = hyperparameters.upscale
        widths = (channels, *[features] * (hyperparameters.num_conv + 1))
        layers: list[nn.Module] = []
        for inputs in widths[:-1]:
            layers += [nn.Conv2d(inputs, features, 3, padding=1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, channels * self.upscale**2, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        details = functional.pixel_shuffle(self.body(x), self.upscale)
        enlarged = functional.interpolate(x, scale_factor=float(self.upscale), mode="nearest")
        return enlarged + details


def build(state: StateDict, origin: str) -> SRVGGNetCompact:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    return load_strictly(SRVGGNetCompact(Hyperparameters.of(state, origin)), state, origin)


def served(network: nn.Module) -> ImageGraph:
    """What is exported: UINT8 [N, H, W, 3] RGB → UINT8 [N, upscale·H, upscale·W, 3] RGB."""
    return ImageGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not those of general-x4v3.

    Slopes lie between 0.1 and 0.4, so that activations matter, and the convolutions make up for what they take away.
    """
    network = SRVGGNetCompact(Hyperparameters(**layout))
    state = seeded_weights(network, seed)
    generator = torch.Generator().manual_seed(seed)
    last = len(network.body) - 1
    for index in range(1, last, 2):
        slope = 0.1 + 0.3 * torch.rand(state[f"body.{index}.weight"].shape, generator=generator)
        state[f"body.{index}.weight"] = slope
        following = f"body.{index + 1}.weight"
        state[following] = state[following] * (2 / (1 + slope.square().mean())).sqrt()
    state[f"body.{last}.weight"] = 0.2 * state[f"body.{last}.weight"]
    return state


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Tiles to trace the graph with and to check it on: UINT8 [N, H, W, 3], sizes that differ in every axis."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),)
        for shape in ((2, 16, 24, 3), (1, 48, 40, 3))
    )
