"""Attention within windows, and the grid of windows that a picture is cut into: the blocks of SwinIR.

Follows ``WindowAttention`` and ``SwinTransformerBlock`` of ``basicsr.archs.swinir_arch`` (basicsr 1.4.2), with windows
of 8. What is computed is upstream's; how, is made for export:

- Tokens stay in windows from block to block, and a shifted grid is made of parts of windows: [N, rows, columns, 64, C]
  is never joined, rolled and cut anew, as upstream does before and after each attention.
- The bias of relative positions is looked up in its table once, when weights are loaded.
- The mask of a shifted grid is arithmetic on the sizes, made once a picture. It differs from zero only in the last row
  and the last column of windows, where what the roll brought together must not meet.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOW: Final = 8
TOKENS: Final = WINDOW * WINDOW
SHIFT: Final = WINDOW // 2
MASKED: Final = -100.0


def relative_positions() -> Tensor:
    """Row of the bias table for each pair of tokens of a window: INT64 [64, 64], from 0 to 224."""
    places = torch.arange(TOKENS)
    rows, columns = places // WINDOW, places % WINDOW
    down = rows[:, None] - rows + WINDOW - 1
    right = columns[:, None] - columns + WINDOW - 1
    return down * (2 * WINDOW - 1) + right


def shift_mask(rows: int, columns: int) -> Tensor:
    """What is added to attention in a shifted grid of windows: FP32 [rows, columns, 64, 64], 0 or ``MASKED``."""
    places = torch.arange(TOKENS)
    lower, right = places // WINDOW >= SHIFT, places % WINDOW >= SHIFT
    apart = [(side[:, None] != side).to(torch.float32) for side in (lower, right)]
    last = [(torch.arange(count) == count - 1).to(torch.float32) for count in (rows, columns)]
    across = last[0].reshape(-1, 1, 1, 1) * apart[0]
    along = last[1].reshape(-1, 1, 1) * apart[1]
    return MASKED * torch.maximum(across, along)


class Grid:
    """Cuts pictures of one size into windows, [N, rows, columns, 64, C], and puts them together again."""

    def __init__(self, picture: Tensor) -> None:
        """``picture``: [N, C, H, W]."""
        self.size = picture.shape
        self.rows, self.columns = picture.shape[2] // WINDOW, picture.shape[3] // WINDOW

    def windows(self, picture: Tensor) -> Tensor:
        """[N, C, H, W] → windows."""
        batch, channels = self.size[:2]
        cut = picture.reshape(batch, channels, self.rows, WINDOW, self.columns, WINDOW)
        return cut.permute(0, 2, 4, 3, 5, 1).flatten(3, 4)

    def picture(self, windows: Tensor) -> Tensor:
        """Windows → [N, C, H, W]."""
        return torch.unflatten(windows, 3, (WINDOW, WINDOW)).permute(0, 5, 1, 3, 2, 4).reshape(self.size)

    def mask(self) -> Tensor:
        """What is added to attention where the grid is shifted: FP32 [rows, columns, 1, 64, 64], 0 or ``MASKED``."""
        return shift_mask(self.rows, self.columns).unsqueeze(2)


def shifted(windows: Tensor) -> Tensor:
    """The windows of the picture rolled up and to the left by half a window: each is the corners of four."""
    cut = torch.unflatten(windows, 3, (WINDOW, WINDOW))
    for grid_axis, axis in ((1, 3), (2, 4)):
        near, far = cut.narrow(axis, 0, SHIFT), cut.narrow(axis, SHIFT, SHIFT)
        others = near.shape[grid_axis] - 1
        following = torch.cat((near.narrow(grid_axis, 1, others), near.narrow(grid_axis, 0, 1)), dim=grid_axis)
        cut = torch.cat((far, following), dim=axis)
    return cut.flatten(3, 4)


def unshifted(windows: Tensor) -> Tensor:
    """What :func:`shifted` was given."""
    cut = torch.unflatten(windows, 3, (WINDOW, WINDOW))
    for grid_axis, axis in ((1, 3), (2, 4)):
        near, far = cut.narrow(axis, 0, SHIFT), cut.narrow(axis, SHIFT, SHIFT)
        others = near.shape[grid_axis] - 1
        preceding = torch.cat((far.narrow(grid_axis, others, 1), far.narrow(grid_axis, 0, others)), dim=grid_axis)
        cut = torch.cat((preceding, near), dim=axis)
    return cut.flatten(3, 4)


class WindowAttention(nn.Module):
    """FP32 [N, rows, columns, 64, C] → the same: every token of a window looks at every other."""

    bias: Tensor

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.register_buffer("bias", torch.zeros(heads, TOKENS, TOKENS), persistent=False)

    def look_up(self, positions: Tensor) -> None:
        """Make the bias of every pair of tokens, [heads, 64, 64], from the table."""
        self.bias = self.relative_position_bias_table.detach()[positions].permute(2, 0, 1).contiguous()

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        parts = torch.unflatten(self.qkv(x), 4, (3 * self.heads, -1)).chunk(3, dim=4)
        queries, values = (part.transpose(3, 4) for part in (parts[0] * self.scale, parts[2]))
        likeness = queries @ parts[1].permute(0, 1, 2, 4, 5, 3) + self.bias
        if mask is not None:
            likeness = likeness + mask
        seen = (likeness.softmax(dim=-1) @ values).transpose(3, 4).flatten(4)
        result: Tensor = self.proj(seen)
        return result


class Mlp(nn.Module):
    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return result


class Block(nn.Module):
    """FP32 [N, rows, columns, 64, C] → the same: attention, then a perceptron on each token, both with shortcuts."""

    def __init__(self, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, hidden)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attn(self.norm1(x), mask)
        result: Tensor = x + self.mlp(self.norm2(x))
        return result
