"""RestoreFormer: a face is encoded, each place replaced by the nearest code, and decoded with the encoder's help.

Follows ``gfpgan.archs.restoreformer_arch.RestoreFormer`` (gfpgan 1.3.8) and loads its state dict by the same key names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly
from export.architectures.face_graph import FaceGraph
from export.architectures.vqgan import (
    MULTIPLIERS,
    Codebook,
    Downsample,
    ResidualBlock,
    Upsample,
    attend,
    convolution,
    matrix_of,
    multipliers_of,
    normalisation,
    random_faces,
    seeded_in_range,
)

HEADS = 8
"""Of every attention; the weights do not tell. Upstream calls it ``head_size``."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell: everything but the network's weights."""

    n_embed: int = 1024
    embed_dim: int = 256
    ch: int = 64
    ch_mult: tuple[int, ...] = MULTIPLIERS
    num_res_blocks: int = 2
    z_channels: int = 256

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        ch, _ = channels_of(state, "encoder.conv_in.weight", origin)
        levels = range(count_blocks(state, "encoder.down"))
        widths = [channels_of(state, f"encoder.down.{level}.block.0.conv1.weight", origin)[0] for level in levels]
        n_embed, embed_dim = matrix_of(state, "quantize.embedding.weight", origin)
        return Hyperparameters(
            n_embed=n_embed,
            embed_dim=embed_dim,
            ch=ch,
            ch_mult=multipliers_of([ch, *widths], origin)[1:],
            num_res_blocks=count_blocks(state, "encoder.down.0.block"),
            z_channels=channels_of(state, "encoder.conv_out.weight", origin)[0],
        )

    @staticmethod
    def from_layout(layout: Mapping[str, int]) -> Hyperparameters:
        """The published ones but for those in ``layout``; ``levels`` there keeps the first multipliers only."""
        given = dict(layout)
        return Hyperparameters(ch_mult=MULTIPLIERS[: given.pop("levels", len(MULTIPLIERS))], **given)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.ch * factor for factor in self.ch_mult)


def _residual(inputs: int, outputs: int) -> ResidualBlock:
    return ResidualBlock(inputs, outputs, "nin_shortcut")


class CrossAttention(nn.Module):
    """FP32 [N, C, H, W] → the same shape: attention asked by ``partner``, or by ``x`` itself where there is none.

    ``norm2`` is for the partner. The official file has it in the encoder too, where nothing uses it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = normalisation(channels)
        self.norm2 = normalisation(channels)
        self.q = convolution(channels, channels, size=1)
        self.k = convolution(channels, channels, size=1)
        self.v = convolution(channels, channels, size=1)
        self.proj_out = convolution(channels, channels, size=1)

    def forward(self, x: Tensor, partner: Tensor | None = None) -> Tensor:
        known = self.norm1(x)
        asking = known if partner is None else self.norm2(partner)
        seen = attend(self.q(asking), self.k(known), self.v(known), HEADS)
        result: Tensor = x + self.proj_out(seen)
        return result


class Middle(nn.Module):
    """The blocks between the way down and the way up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = _residual(channels, channels)
        self.attn_1 = CrossAttention(channels)
        self.block_2 = _residual(channels, channels)


class Level(nn.Module):
    """The blocks of one size; attention stands at the smallest only."""

    def __init__(self, inputs: int, outputs: int, blocks: int, *, attention: bool) -> None:
        super().__init__()
        widths = (inputs, *[outputs] * blocks)
        self.block = nn.ModuleList(_residual(*pair) for pair in pairwise(widths))
        self.attn = nn.ModuleList(CrossAttention(outputs) for _ in range(blocks if attention else 0))

    def forward(self, x: Tensor, partner: Tensor | None = None) -> Tensor:
        for index, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[index](x, partner)
        return x


class Encoder(nn.Module):
    """FP32 [N, 3, H, W] → [N, z_channels, h, w], and the two maps that the decoder asks with, [N, C, h, w]."""

    def __init__(self, given: Hyperparameters) -> None:
        super().__init__()
        widths = given.widths
        self.conv_in = convolution(3, given.ch)
        self.down = nn.ModuleList()
        for index, (inputs, outputs) in enumerate(pairwise((given.ch, *widths))):
            smallest = index == len(widths) - 1
            level = Level(inputs, outputs, given.num_res_blocks, attention=smallest)
            if not smallest:
                level.add_module("downsample", Downsample(outputs))
            self.down.append(level)
        self.mid = Middle(widths[-1])
        self.norm_out = normalisation(widths[-1])
        self.conv_out = convolution(widths[-1], given.z_channels)

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.conv_in(face)
        for level in self.down[:-1]:
            x = level.get_submodule("downsample")(level(x))
        early = self.mid.block_1(self.down[-1](x))
        late = self.mid.block_2(self.mid.attn_1(early))
        return self.conv_out(functional.silu(self.norm_out(late))), early, late


class Decoder(nn.Module):
    """FP32 [N, z_channels, h, w] and the encoder's two maps → [N, 3, H, W]."""

    def __init__(self, given: Hyperparameters) -> None:
        super().__init__()
        widths = given.widths
        self.conv_in = convolution(given.z_channels, widths[-1])
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList()
        for index, (outputs, inputs) in enumerate(zip(widths, (*widths[1:], widths[-1]), strict=True)):
            level = Level(inputs, outputs, given.num_res_blocks + 1, attention=index == len(widths) - 1)
            if index:
                level.add_module("upsample", Upsample(outputs))
            self.up.append(level)
        self.norm_out = normalisation(widths[0])
        self.conv_out = convolution(widths[0], 3)

    def forward(self, codes: Tensor, early: Tensor, late: Tensor) -> Tensor:
        x = self.mid.block_1(self.conv_in(codes))
        x = self.mid.block_2(self.mid.attn_1(x, late))
        x = self.up[-1](x, early)
        for smaller, level in zip(reversed(self.up[1:]), reversed(self.up[:-1]), strict=True):
            x = level(smaller.get_submodule("upsample")(x))
        result: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return result


class RestoreFormer(nn.Module):
    """FP32 [N, 3, H, W] in [-1, 1] → FP32 [N, 3, H, W], about [-1, 1], not clamped; H and W are 512 as published."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        codes, channels = hyperparameters.embed_dim, hyperparameters.z_channels
        self.encoder = Encoder(hyperparameters)
        self.decoder = Decoder(hyperparameters)
        self.quantize = Codebook(hyperparameters.n_embed, codes)
        self.quant_conv = convolution(channels, codes, size=1)
        self.post_quant_conv = convolution(codes, channels, size=1)

    def forward(self, face: Tensor) -> Tensor:
        encoded, early, late = self.encoder(face)
        codes = self.quantize(self.quantize.nearest(self.quant_conv(encoded)))
        result: Tensor = self.decoder(self.post_quant_conv(codes), early, late)
        return result


def build(state: StateDict, origin: str) -> RestoreFormer:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    network = load_strictly(RestoreFormer(Hyperparameters.of(state, origin)), state, origin)
    network.quantize.take_squares()
    return network


def served(network: nn.Module) -> FaceGraph:
    """What is exported: UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512, 3] RGB."""
    return FaceGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not the published ones."""
    network = RestoreFormer(Hyperparameters.from_layout(layout))
    return seeded_in_range(network, seed, "decoder.conv_out")


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Faces to trace the graph with and to check it on: UINT8 [2, 512, 512, 3]."""
    return ((random_faces(seed, 2),),)
