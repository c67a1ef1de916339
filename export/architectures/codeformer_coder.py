"""CodeFormer's autoencoder: what a state dict tells of it, its encoder and its generator.

Follows ``vqgan_arch`` of sczhou/CodeFormer v0.1.0 and keeps its key names: blocks numbered in one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from export.architectures.common import channels_of, count_blocks
from export.architectures.vqgan import (
    LATENT,
    MULTIPLIERS,
    Downsample,
    ResidualBlock,
    Upsample,
    attend,
    convolution,
    matrix_of,
    multipliers_of,
    normalisation,
)

RESIDUAL_BLOCKS = 2
"""Of each level, in the encoder as in the generator."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell: everything but the network's weights.

    ``connect_list`` holds the sizes at which the encoder's maps are fused in.
    """

    dim_embd: int = 512
    n_layers: int = 9
    codebook_size: int = 1024
    emb_dim: int = 256
    connect_list: tuple[int, ...] = (32, 64, 128, 256)
    nf: int = 64
    ch_mult: tuple[int, ...] = MULTIPLIERS

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        nf, _ = channels_of(state, "encoder.blocks.0.weight", origin)
        codebook_size, emb_dim = matrix_of(state, "quantize.embedding.weight", origin)
        _, dim_embd = matrix_of(state, "position_emb", origin)
        # A level above the smallest is two residual blocks and a step down; the last convolution ends the smallest.
        steps = 0
        while f"encoder.blocks.{3 * (steps + 1)}.conv.weight" in state:
            steps += 1
        downs = [f"encoder.blocks.{3 * (step + 1)}.conv.weight" for step in range(steps)]
        last = f"encoder.blocks.{count_blocks(state, 'encoder.blocks') - 1}.weight"
        widths = [channels_of(state, key, origin)[1] for key in (*downs, last)]
        # A size that no level has is left out here, and its keys are then refused as surplus.
        sizes = [LATENT << level for level in range(1, steps + 1)]
        fused = [size for size in sizes if f"fuse_convs_dict.{size}.scale.0.weight" in state]
        return Hyperparameters(
            dim_embd=dim_embd,
            n_layers=count_blocks(state, "ft_layers"),
            codebook_size=codebook_size,
            emb_dim=emb_dim,
            connect_list=tuple(fused),
            nf=nf,
            ch_mult=multipliers_of([nf, *widths], origin)[1:],
        )

    @staticmethod
    def from_layout(layout: Mapping[str, int]) -> Hyperparameters:
        """The published ones but for those in ``layout``.

        There ``levels`` keeps the first multipliers only, and ``connect`` is how many sizes are fused, from 32 up.
        """
        given = dict(layout)
        return Hyperparameters(
            ch_mult=MULTIPLIERS[: given.pop("levels", len(MULTIPLIERS))],
            connect_list=tuple(32 << step for step in range(given.pop("connect", 4))),
            **given,
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.nf * factor for factor in self.ch_mult)


class Attention(nn.Module):
    """FP32 [N, C, H, W] → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalisation(channels)
        self.q = convolution(channels, channels, size=1)
        self.k = convolution(channels, channels, size=1)
        self.v = convolution(channels, channels, size=1)
        self.proj_out = convolution(channels, channels, size=1)

    def forward(self, x: Tensor) -> Tensor:
        known = self.norm(x)
        result: Tensor = x + self.proj_out(attend(self.q(known), self.k(known), self.v(known), heads=1))
        return result


def residual(inputs: int, outputs: int) -> ResidualBlock:
    return ResidualBlock(inputs, outputs, "conv_out")


def _middle(channels: int) -> list[nn.Module]:
    return [residual(channels, channels), Attention(channels), residual(channels, channels)]


class Blocks(nn.Module):
    """Blocks one after the other, and after which of them a map of which size is ready to be fused."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        self.ready: dict[int, int] = {}


def encoder_of(given: Hyperparameters) -> Blocks:
    """FP32 [N, 3, H, W] → [N, emb_dim, h, w]; maps are ready after the last residual block of their size."""
    coder = Blocks()
    coder.blocks.append(convolution(3, given.nf))
    inputs = given.nf
    for level, outputs in enumerate(given.widths):
        size = LATENT << (len(given.widths) - 1 - level)
        for _ in range(RESIDUAL_BLOCKS):
            coder.blocks.append(residual(inputs, outputs))
            inputs = outputs
            if size == LATENT:
                coder.blocks.append(Attention(outputs))
        if size > LATENT:
            coder.ready[len(coder.blocks) - 1] = size
            coder.blocks.append(Downsample(outputs))
    coder.blocks.extend([*_middle(inputs), normalisation(inputs), convolution(inputs, given.emb_dim)])
    return coder


def generator_of(given: Hyperparameters) -> Blocks:
    """FP32 [N, emb_dim, h, w] → [N, 3, H, W]; maps are ready after the first residual block of their size."""
    coder = Blocks()
    inputs = given.widths[-1]
    coder.blocks.extend([convolution(given.emb_dim, inputs), *_middle(inputs)])
    for level, outputs in enumerate(reversed(given.widths)):
        size = LATENT << level
        for block in range(RESIDUAL_BLOCKS):
            coder.blocks.append(residual(inputs, outputs))
            inputs = outputs
            if size == LATENT:
                coder.blocks.append(Attention(outputs))
            elif block == 0:
                coder.ready[len(coder.blocks) - 1] = size
        if level < len(given.widths) - 1:
            coder.blocks.append(Upsample(outputs))
    coder.blocks.extend([normalisation(inputs), convolution(inputs, 3)])
    return coder
