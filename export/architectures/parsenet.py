"""ParseNet, the network that tells the parts of a face and so makes the mask a restored face is pasted with.

Follows ``facexlib.parsing.parsenet.ParseNet`` (facexlib 0.3.0) and loads its state dict by the same key names; the
head that paints a picture, ``out_img_conv``, is not needed and not kept.

Padding mirrors the border. Where a block doubles the size, the doubled map is not made: its two convolutions are
computed on the map before (:mod:`export.architectures.doubling`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly, seeded_weights
from export.architectures.doubling import DoubledConvolution
from export.architectures.parser_graph import ParserGraph

CLASSES: Final = (
    "background",
    "skin",
    "nose",
    "eyeglasses",
    "left eye",
    "right eye",
    "left brow",
    "right brow",
    "left ear",
    "right ear",
    "mouth",
    "upper lip",
    "lower lip",
    "hair",
    "hat",
    "earring",
    "necklace",
    "neck",
    "cloth",
)
"""What the numbers mean: the order of CelebAMask-HQ. BiSeNet's is another one."""

SLOPE: Final = 0.2
MEAN: Final = (0.5, 0.5, 0.5)
DEVIATION: Final = (0.5, 0.5, 0.5)
NARROWEST: Final = 32
WIDEST: Final = 256
RESIDUAL: Final = 0.3
_UNUSED: Final = ("out_img_conv.conv2d.weight", "out_img_conv.conv2d.bias")


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell. ``steps``: how often the size is halved, and doubled again."""

    base_ch: int = 64
    steps: int = 4
    res_depth: int = 10
    parsing_ch: int = len(CLASSES)

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        base_ch, _ = channels_of(state, "encoder.0.conv2d.weight", origin)
        parsing_ch, _ = channels_of(state, "out_mask_conv.conv2d.weight", origin)
        return Hyperparameters(
            base_ch=base_ch,
            steps=max(count_blocks(state, "encoder") - 1, 0),
            res_depth=count_blocks(state, "body"),
            parsing_ch=parsing_ch,
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at full size, half the size, and so on."""
        return tuple(max(NARROWEST, min(self.base_ch << step, WIDEST)) for step in range(self.steps + 1))


class Normalisation(nn.Module):
    """Batch normalisation under the key that upstream keeps it by."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(x)
        return result


class Convolution(nn.Module):
    """3×3 on a map that is padded already: FP32 [N, in, H + 2, W + 2] → FP32 [N, out, H / stride, W / stride]."""

    norm: Normalisation | nn.Identity

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, normalised: bool = False) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(inputs, outputs, 3, stride, bias=not normalised)
        self.norm = Normalisation(outputs) if normalised else nn.Identity()

    def forward(self, padded: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv2d(padded))
        return result

    def fused(self) -> nn.Conv2d:
        """The convolution with its normalisation, in evaluation mode."""
        return fuse_conv_bn_eval(self.conv2d, self.norm.norm) if isinstance(self.norm, Normalisation) else self.conv2d


def mirrored(x: Tensor) -> Tensor:
    """``x`` with a border of one pixel, mirrored at the outermost row and column."""
    return functional.pad(x, (1, 1, 1, 1), mode="reflect")


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut around them.

    Args:
        inputs, outputs: channels.
        scale: of the result's sides: 0.5, 1 or 2. The second convolution halves. With 2 the block only holds weights,
            of which :func:`build` makes a :class:`DoublingBlock`.
    """

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        stride = 2 if scale < 1 else 1
        self.shortcut_func = (
            nn.Identity() if scale == 1 and inputs == outputs else Convolution(inputs, outputs, stride=stride)
        )
        self.conv1 = Convolution(inputs, outputs, normalised=True)
        self.conv2 = Convolution(outputs, outputs, stride=stride, normalised=True)

    def forward(self, x: Tensor) -> Tensor:
        padded = mirrored(x)
        shortcut = x if isinstance(self.shortcut_func, nn.Identity) else self.shortcut_func(padded)
        inner = functional.leaky_relu(self.conv1(padded), SLOPE)
        result: Tensor = shortcut + self.conv2(mirrored(inner))
        return result


class DoublingBlock(nn.Module):
    """A :class:`ResidualBlock` of ``scale`` 2 with its weights: FP32 [N, in, H, W] → FP32 [N, out, 2·H, 2·W]."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.shortcut_func = DoubledConvolution(cast("Convolution", block.shortcut_func).fused())
        self.conv1 = DoubledConvolution(block.conv1.fused(), SLOPE)
        self.conv2 = block.conv2

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")  # of the doubled map: its mirrored border
        result: Tensor = self.shortcut_func(padded) + self.conv2(mirrored(self.conv1(padded)))
        return result


class ParseNet(nn.Module):
    """FP32 [N, 3, H, W] in [-1, 1] → logits FP32 [N, classes, H, W]; H and W divisible by 2 to the ``steps``."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        widths = hyperparameters.widths
        steps = tuple(pairwise(widths))
        deepest = widths[-1]
        self.encoder = nn.Sequential(
            Convolution(3, hyperparameters.base_ch),
            *(ResidualBlock(fine, coarse, 0.5) for fine, coarse in steps),
        )
        self.body = nn.Sequential(*(ResidualBlock(deepest, deepest, 1.0) for _ in range(hyperparameters.res_depth)))
        self.decoder = nn.Sequential(*(ResidualBlock(coarse, fine, 2.0) for fine, coarse in reversed(steps)))
        self.out_mask_conv = Convolution(widths[0], hyperparameters.parsing_ch)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.encoder(mirrored(x))
        logits: Tensor = self.out_mask_conv(mirrored(self.decoder(seen + self.body(seen))))
        return logits


class PublishedParseNet(ParseNet):
    """With the head that the published file also holds; only its layout is used."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__(hyperparameters)
        self.out_img_conv = Convolution(hyperparameters.widths[0], 3)


def build(state: StateDict, origin: str) -> ParseNet:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    needed = {key: value for key, value in state.items() if key not in _UNUSED}
    network = load_strictly(ParseNet(Hyperparameters.of(needed, origin)), needed, origin)
    network.decoder = nn.Sequential(*(DoublingBlock(cast("ResidualBlock", block)) for block in network.decoder))
    return network


def served(network: nn.Module) -> ParserGraph:
    """What is exported: UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512], numbers into ``CLASSES``."""
    return ParserGraph(network, MEAN, DEVIATION)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not the published ones.

    What a block adds to its shortcut is kept small, or the activations would grow with every block.
    """
    state = seeded_weights(PublishedParseNet(Hyperparameters(**layout)), seed)
    return {key: value * RESIDUAL if key.endswith("conv2.norm.norm.weight") else value for key, value in state.items()}


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Faces to trace the graph with and to check it on: UINT8 [2, 512, 512, 3]."""
    generator = torch.Generator().manual_seed(seed)
    return ((torch.randint(0, 256, (2, 512, 512, 3), generator=generator, dtype=torch.uint8),),)
