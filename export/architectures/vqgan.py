"""What RestoreFormer and CodeFormer share: the blocks of a VQGAN, the codebook, and faces to try them with.

The blocks follow ``gfpgan.archs.restoreformer_arch`` (gfpgan 1.3.8) and CodeFormer's ``vqgan_arch``, which are the same
but for names, and load their weights by the published key names. Widths must be multiples of 32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, seeded_weights
from limner.errors import CheckpointMismatch

MULTIPLIERS = (1, 2, 2, 4, 4, 8)
"""Widths of the published networks' levels, in units of the first, from the whole face down to the codes."""

LATENT = 16
"""Side of the grid of codes."""

GROUPS = 32
EPSILON = 1e-6
_CONTRAST = 0.5


def convolution(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel_size=size, padding=size // 2)


class GroupNorm(nn.GroupNorm):
    """Group norm of FP32 [N, C, H, W] as an instance norm of each group's row.

    It is exported as one InstanceNormalization between two constant shapes, without a shape read at run time;
    runtimes sum up what is inside it in FP32, in an FP16 graph too.
    """

    def forward(self, x: Tensor) -> Tensor:
        channels, height, width = x.shape[1:]
        rows = x.reshape(-1, self.num_groups, channels // self.num_groups * height * width)
        normal = functional.instance_norm(rows, eps=self.eps).reshape(-1, channels, height, width)
        return normal * self.weight.reshape(1, -1, 1, 1) + self.bias.reshape(1, -1, 1, 1)


def normalisation(channels: int) -> GroupNorm:
    """As upstream has it before every convolution."""
    return GroupNorm(GROUPS, channels, eps=EPSILON)


class ResidualBlock(nn.Module):
    """FP32 [N, inputs, H, W] → [N, outputs, H, W]; ``shortcut`` is the key name of the 1×1 convolution around it."""

    def __init__(self, inputs: int, outputs: int, shortcut: Literal["nin_shortcut", "conv_out"]) -> None:
        super().__init__()
        self.norm1 = normalisation(inputs)
        self.conv1 = convolution(inputs, outputs)
        self.norm2 = normalisation(outputs)
        self.conv2 = convolution(outputs, outputs)
        self.shortcut = shortcut if inputs != outputs else None
        if self.shortcut is not None:
            self.add_module(self.shortcut, convolution(inputs, outputs, size=1))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(functional.silu(self.norm1(x)))
        inner = self.conv2(functional.silu(self.norm2(inner)))
        outer = x if self.shortcut is None else self.get_submodule(self.shortcut)(x)
        result: Tensor = outer + inner
        return result


class Downsample(nn.Module):
    """FP32 [N, C, H, W] → [N, C, H/2, W/2]; padded on the right and below only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return result


class Upsample(nn.Module):
    """FP32 [N, C, H, W] → [N, C, 2H, 2W]: nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return result


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention between all places of a map: FP32 [N, C, H, W] three times → [N, C, H, W].

    A head is a run of C / ``heads`` channels. The query is scaled before the product, so that FP16 has room for it.
    """
    _, channels, height, width = query.shape
    size = channels // heads
    rows = (-1, heads, size, height * width)
    scaled = (query * size**-0.5).reshape(rows).transpose(2, 3)
    weights = (scaled @ key.reshape(rows)).softmax(dim=3)
    seen: Tensor = value.reshape(rows) @ weights.transpose(2, 3)
    return seen.reshape(-1, channels, height, width)


class Codebook(nn.Module):
    """The learnt codes; ``embedding.weight`` is FP32 [codes, C]."""

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)
        self.half_squares: Tensor
        self.register_buffer("half_squares", torch.zeros(codes), persistent=False)

    def take_squares(self) -> None:
        """Note |e|²/2 of each code; to be called when weights have been loaded, before ``nearest``."""
        self.half_squares.copy_(self.embedding.weight.detach().square().sum(dim=1) / 2)

    def forward(self, indices: Tensor) -> Tensor:
        """INT64 [N, H·W] of a square → the codes there, FP32 [N, C, H, W]."""
        side = math.isqrt(indices.shape[1])
        codes: Tensor = self.embedding(indices).transpose(1, 2)
        return codes.reshape(-1, codes.shape[1], side, side)

    def nearest(self, places: Tensor) -> Tensor:
        """FP32 [N, C, H, W] → index of the code nearest to each place, INT64 [N, H·W].

        Upstream minimises |z|² + |e|² - 2z·e over the codes e. |z|² is the same for each, so this is where
        |e|²/2 - z·e is least: less to compute, and without the rounding error of a large term.
        """
        products = functional.linear(places.flatten(2).transpose(1, 2), self.embedding.weight)
        distances: Tensor = self.half_squares - products
        return distances.argmin(dim=2)


def multipliers_of(widths: list[int], origin: str) -> tuple[int, ...]:
    """Widths of the levels in units of the first.

    Raises:
        CheckpointMismatch: where there are none, or group norms could not divide them.
    """
    if not widths or any(width == 0 or width % GROUPS or width % widths[0] for width in widths):
        raise CheckpointMismatch(
            f"{origin} holds weights of another network: its levels have widths {widths}. "
            "Put the file that belongs to this model in its place."
        )
    return tuple(width // widths[0] for width in widths)


def matrix_of(state: Mapping[str, Tensor], key: str, origin: str) -> tuple[int, int]:
    """Rows and columns of ``key``.

    Raises:
        CheckpointMismatch: where ``key`` is missing or is no matrix.
    """
    matrix = state.get(key)
    if matrix is None or matrix.ndim != 2:
        raise CheckpointMismatch(
            f"{origin} holds weights of another network: {key} is missing or has another shape. "
            "Put the file that belongs to this model in its place."
        )
    return int(matrix.shape[0]), int(matrix.shape[1])


def seeded_in_range(network: nn.Module, seed: int, last: str) -> StateDict:
    """Random weights; those of the convolution ``last`` are small enough for a picture that is rarely clamped."""
    state = seeded_weights(network, seed)
    state[f"{last}.weight"] *= _CONTRAST
    return state


def random_faces(seed: int, count: int, side: int = 512) -> Tensor:
    """Pictures whose codes differ from place to place, UINT8 [N, side, side, 3]: coarse random colours, fine noise.

    Noise alone would look the same to the network everywhere.
    """
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (count, 3, LATENT, LATENT), generator=generator).to(torch.float32)
    smooth = functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)
    noise = torch.randint(-24, 25, (count, 3, side, side), generator=generator)
    return (smooth + noise).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
