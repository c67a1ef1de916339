"""SwinIR for real-world photos, ×4: the M and the L network.

Follows ``basicsr.archs.swinir_arch.SwinIR`` (basicsr 1.4.2; windows of 8, upsampler ``nearest+conv``, image range 1)
and loads its state dict by the same key names. The transformer's blocks are in ``windows``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly, seeded_weights
from export.architectures.image_graph import ImageGraph
from export.architectures.windows import WINDOW, Block, Grid, relative_positions, shift_mask, shifted, unshifted
from limner.errors import CheckpointMismatch

FEATURES: Final = 64
"""Channels behind the transformer, where the picture is enlarged."""

SLOPE: Final = 0.2
SLOPE_BEFORE_UPSAMPLE: Final = 0.01
MEAN_RGB: Final = (0.4488, 0.4371, 0.4040)
TRAINED_SIDE: Final = 64
"""Side of the pictures that the masks in official files are for."""

CONSTANTS: Final = (".attn_mask", ".attn.relative_position_index")
"""How keys end that official files hold beside the weights. Both follow from the sizes, so they are not loaded."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the keys and shapes of a state dict tell: everything but the network's weights.

    ``groups`` of ``depth`` blocks each; ``convolutions``, 1 or 3, at the end of each group.
    """

    groups: int = 6
    depth: int = 6
    embed_dim: int = 180
    num_heads: int = 6
    mlp_ratio: int = 2
    convolutions: int = 1

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights; the groups of one network are alike.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        embed_dim, _ = channels_of(state, "conv_first.weight", origin)
        first = "layers.0.residual_group.blocks"
        table = state.get(f"{first}.0.attn.relative_position_bias_table")
        hidden = state.get(f"{first}.0.mlp.fc1.weight")
        if table is None or hidden is None or table.ndim != 2 or embed_dim % max(table.shape[1], 1):
            raise CheckpointMismatch(
                f"{origin} holds weights of another network: {first}.0 is no block of SwinIR. "
                "Put the file that belongs to this model in its place."
            )
        return Hyperparameters(
            groups=count_blocks(state, "layers"),
            depth=count_blocks(state, first),
            embed_dim=embed_dim,
            num_heads=int(table.shape[1]),
            mlp_ratio=int(hidden.shape[0]) // embed_dim,
            convolutions=3 if "conv_after_body.0.weight" in state else 1,
        )


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def _mixing(channels: int, convolutions: int) -> nn.Module:
    """One convolution, or three with a waist."""
    if convolutions == 1:
        return _convolution(channels, channels)
    waist = channels // 4
    return nn.Sequential(
        _convolution(channels, waist),
        nn.LeakyReLU(SLOPE),
        _convolution(waist, waist, kernel=1),
        nn.LeakyReLU(SLOPE),
        _convolution(waist, channels),
    )


class BlockList(nn.Module):
    """Blocks, every other one on windows that are shifted by half their side."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        channels = hyperparameters.embed_dim
        self.blocks = nn.ModuleList(
            Block(channels, hyperparameters.num_heads, hyperparameters.mlp_ratio * channels)
            for _ in range(hyperparameters.depth)
        )

    def forward(self, windows: Tensor, mask: Tensor) -> Tensor:
        for index, block in enumerate(self.blocks):
            windows = unshifted(block(shifted(windows), mask)) if index % 2 else block(windows, None)
        return windows


class Group(nn.Module):
    """Blocks and a convolution, with a shortcut around them: [N, rows, columns, 64, C] → the same."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.residual_group = BlockList(hyperparameters)
        self.conv = _mixing(hyperparameters.embed_dim, hyperparameters.convolutions)

    def forward(self, windows: Tensor, grid: Grid, mask: Tensor) -> Tensor:
        seen = grid.picture(self.residual_group(windows, mask))
        return windows + grid.windows(self.conv(seen))


class Normalised(nn.Module):
    """What upstream calls the embedding of patches, of 1×1 pixel each: only a layer norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, windows: Tensor) -> Tensor:
        result: Tensor = self.norm(windows)
        return result


class SwinIR(nn.Module):
    """FP32 [N, 3, H, W] in [0, 1] → FP32 [N, 3, 4H, 4W], about [0, 1], not clamped.

    H and W must be multiples of 8: tiles of such sizes are the caller's business, and nothing is padded here.
    """

    mean: Tensor

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        channels = hyperparameters.embed_dim
        self.conv_first = _convolution(3, channels)
        self.patch_embed = Normalised(channels)
        self.layers = nn.ModuleList(Group(hyperparameters) for _ in range(hyperparameters.groups))
        self.norm = nn.LayerNorm(channels)
        self.conv_after_body = _mixing(channels, hyperparameters.convolutions)
        self.conv_before_upsample = nn.Sequential(_convolution(channels, FEATURES), nn.LeakyReLU(SLOPE_BEFORE_UPSAMPLE))
        self.conv_up1 = _convolution(FEATURES, FEATURES)
        self.conv_up2 = _convolution(FEATURES, FEATURES)
        self.conv_hr = _convolution(FEATURES, FEATURES)
        self.conv_last = _convolution(FEATURES, 3)
        self.register_buffer("mean", torch.tensor(MEAN_RGB).reshape(1, 3, 1, 1), persistent=False)

    def look_up_biases(self) -> None:
        """To be called when weights have been loaded."""
        positions = relative_positions()
        for module in self.modules():
            if isinstance(module, Block):
                module.attn.look_up(positions)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_first(x - self.mean)
        grid = Grid(first)
        mask = grid.mask()
        windows = self.patch_embed(grid.windows(first))
        for group in self.layers:
            windows = group(windows, grid, mask)
        features = first + self.conv_after_body(grid.picture(self.norm(windows)))
        features = self.conv_before_upsample(features)
        for layer in (self.conv_up1, self.conv_up2):
            doubled = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = functional.leaky_relu(layer(doubled), SLOPE)
        result: Tensor = self.conv_last(functional.leaky_relu(self.conv_hr(features), SLOPE)) + self.mean
        return result


def build(state: StateDict, origin: str) -> SwinIR:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    weights = {key: value for key, value in state.items() if not key.endswith(CONSTANTS)}
    network = load_strictly(SwinIR(Hyperparameters.of(weights, origin)), weights, origin)
    network.look_up_biases()
    return network


def served(network: nn.Module) -> ImageGraph:
    """What is exported: UINT8 [N, H, W, 3] RGB → UINT8 [N, 4H, 4W, 3] RGB; H and W are multiples of 8."""
    return ImageGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not those of SwinIR-M."""
    hyperparameters = Hyperparameters(**layout)
    state = seeded_weights(SwinIR(hyperparameters), seed)
    mask = shift_mask(TRAINED_SIDE // WINDOW, TRAINED_SIDE // WINDOW)
    for group in range(hyperparameters.groups):
        for index in range(hyperparameters.depth):
            block = f"layers.{group}.residual_group.blocks.{index}"
            state[f"{block}.attn.relative_position_index"] = relative_positions()
            if index % 2:
                state[f"{block}.attn_mask"] = mask.flatten(0, 1)
    return state


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Tiles to trace the graph with and to check it on: UINT8 [N, H, W, 3], sizes that differ in every axis."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),)
        for shape in ((2, 16, 24, 3), (1, 32, 8, 3))
    )
