"""CodeFormer's transformer: which code belongs at each place of a degraded face.

Follows ``codeformer_arch.TransformerSALayer`` of sczhou/CodeFormer v0.1.0 and keeps its key names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 8
"""Of every layer; the weights do not tell. Upstream calls it ``n_head``."""

WIDENING = 2
"""Channels inside a layer's perceptron, in units of those outside."""


class SelfAttention(nn.Module):
    """FP32 [N, T, C] → the same shape; query and key, not value, know the position of each token.

    Upstream adds the positions to the tokens and projects the sum. The projection is linear and the positions are
    constant, so here they are projected once, after weights are loaded, and query, key and value are one product.
    """

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        self.placed: Tensor
        self.register_buffer("placed", torch.zeros(tokens, 3 * channels), persistent=False)

    def place(self, positions: Tensor) -> None:
        """Project ``positions``, FP32 [T, C], and add the bias."""
        unknowing = torch.zeros_like(positions)
        rows = self.in_proj_weight.detach().chunk(3)
        projected = [given @ weight.T for given, weight in zip((positions, positions, unknowing), rows, strict=True)]
        self.placed.copy_(torch.cat(projected, dim=1) + self.in_proj_bias.detach())

    def forward(self, tokens: Tensor) -> Tensor:
        count, channels = tokens.shape[1:]
        size = channels // HEADS
        joint = functional.linear(tokens, self.in_proj_weight) + self.placed
        query, key, value = (part.reshape(-1, count, HEADS, size).transpose(1, 2) for part in joint.chunk(3, dim=2))
        weights = ((query * size**-0.5) @ key.transpose(2, 3)).softmax(dim=3)
        result: Tensor = self.out_proj((weights @ value).transpose(1, 2).reshape(-1, count, channels))
        return result


class Layer(nn.Module):
    """FP32 [N, T, C] → the same shape: attention, then a perceptron, each normalised first and added."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(tokens, channels)
        self.linear1 = nn.Linear(channels, WIDENING * channels)
        self.linear2 = nn.Linear(WIDENING * channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.self_attn(self.norm1(tokens))
        result: Tensor = tokens + self.linear2(functional.gelu(self.linear1(self.norm2(tokens))))
        return result


class CodePredictor(nn.Module):
    """FP32 [N, E, H, W], a grid of T places → FP32 [N, T, codes], how well each code fits there."""

    def __init__(self, *, places: int, encoded: int, channels: int, layers: int, codes: int) -> None:
        super().__init__()
        self.position_emb = nn.Parameter(torch.zeros(places, channels))
        self.feat_emb = nn.Linear(encoded, channels)
        self.ft_layers = nn.Sequential(*(Layer(places, channels) for _ in range(layers)))
        self.idx_pred_layer = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, codes, bias=False))

    def place(self) -> None:
        """Tell every layer the positions; to be called when weights have been loaded."""
        for layer in self.ft_layers:
            if isinstance(layer, Layer):
                layer.self_attn.place(self.position_emb.detach())

    def code_logits(self, encoded: Tensor) -> Tensor:
        """FP32 [N, E, H, W] → FP32 [N, H·W, codes]."""
        tokens = self.feat_emb(encoded.flatten(2).transpose(1, 2))
        result: Tensor = self.idx_pred_layer(self.ft_layers(tokens))
        return result
