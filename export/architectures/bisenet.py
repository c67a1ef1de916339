"""BiSeNet on a ResNet-18, the other network that tells the parts of a face.

Follows ``facexlib.parsing.bisenet.BiSeNet`` (facexlib 0.3.0), of which inference takes the first output, and loads its
state dict by the same key names; the heads that only training reads, ``conv_out16`` and ``conv_out32``, are not kept.

Its classes are numbered otherwise than ParseNet's: see ``CLASSES`` in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, load_strictly, seeded_weights
from export.architectures.parser_graph import ParserGraph

CLASSES: Final = (
    "background",
    "skin",
    "left brow",
    "right brow",
    "left eye",
    "right eye",
    "eyeglasses",
    "left ear",
    "right ear",
    "earring",
    "nose",
    "mouth",
    "upper lip",
    "lower lip",
    "neck",
    "necklace",
    "cloth",
    "hair",
    "hat",
)
"""What the numbers mean: the order that face-parsing.PyTorch, whose weights these are, gave CelebAMask-HQ's parts."""

MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)
_UNUSED: Final = ("conv_out16", "conv_out32")


class Convolution(nn.Module):
    """Convolution, batch normalisation and ReLU; the padding keeps the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut around them, the first with ``stride``."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.downsample(x) + self.bn2(self.conv2(inner)))


class ResNet18(nn.Module):
    """FP32 [N, 3, H, W] → maps of 128, 256 and 512 channels at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))
            for inputs, outputs, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = functional.relu(self.bn1(self.conv1(x)))
        fine = self.layer2(self.layer1(functional.max_pool2d(first, 3, stride=2, padding=1)))
        middle = self.layer3(fine)
        return fine, middle, self.layer4(middle)


def _average(x: Tensor) -> Tensor:
    """The mean over the picture: FP32 [N, C, H, W] → FP32 [N, C, 1, 1]."""
    return x.mean(dim=(2, 3), keepdim=True)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class AttentionRefinement(nn.Module):
    """Weighs the channels by what the whole picture holds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Convolution(inputs, outputs)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv(x)
        result: Tensor = features * torch.sigmoid(self.bn_atten(self.conv_atten(_average(features))))
        return result


class ContextPath(nn.Module):
    """FP32 [N, 3, H, W] → the backbone's map and the refined one, both of 128 channels at stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = Convolution(128, 128)
        self.conv_head16 = Convolution(128, 128)
        self.conv_avg = Convolution(512, 128, kernel=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine, middle, coarse = self.resnet(x)
        # One value for the whole picture: adding it is what upstream's nearest-neighbour interpolation comes to.
        overall = self.conv_avg(_average(coarse))
        coarse = self.conv_head32(_doubled(self.arm32(coarse) + overall))
        return fine, self.conv_head16(_doubled(self.arm16(middle) + coarse))


class FeatureFusion(nn.Module):
    """Joins two maps and raises the channels that the whole picture calls for."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convblk = Convolution(inputs, outputs, kernel=1)
        self.conv1 = nn.Conv2d(outputs, outputs // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs // 4, outputs, 1, bias=False)

    def forward(self, fine: Tensor, context: Tensor) -> Tensor:
        joined: Tensor = self.convblk(torch.cat((fine, context), dim=1))
        return joined + joined * torch.sigmoid(self.conv2(functional.relu(self.conv1(_average(joined)))))


class Head(nn.Module):
    """Logits of every class."""

    def __init__(self, inputs: int, inner: int, classes: int) -> None:
        super().__init__()
        self.conv = Convolution(inputs, inner)
        self.conv_out = nn.Conv2d(inner, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.conv_out(self.conv(x))
        return logits


class BiSeNet(nn.Module):
    """FP32 [N, 3, H, W], normalised as ImageNet → logits FP32 [N, classes, H, W]; H and W divisible by 32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusion(256, 256)
        self.conv_out = Head(256, 256, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.conv_out(self.ffm(*self.cp(x)))
        return functional.interpolate(logits, scale_factor=8.0, mode="bilinear", align_corners=True)


class PublishedBiSeNet(BiSeNet):
    """With the heads that the published file also holds; only its layout is used."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.conv_out16 = Head(128, 64, classes)
        self.conv_out32 = Head(128, 64, classes)


def build(state: StateDict, origin: str) -> BiSeNet:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    classes, _ = channels_of(state, "conv_out.conv_out.weight", origin)
    needed = {key: value for key, value in state.items() if key.partition(".")[0] not in _UNUSED}
    return load_strictly(BiSeNet(classes), needed, origin)


def served(network: nn.Module) -> ParserGraph:
    """What is exported: UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512], numbers into ``CLASSES``."""
    return ParserGraph(network, MEAN, DEVIATION)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout, of which there is one.

    What follows a ReLU sees positive values only: filters without a mean keep one class from winning everywhere.
    """
    del layout
    state = seeded_weights(PublishedBiSeNet(len(CLASSES)), seed)
    return {
        key: value - value.mean(dim=(1, 2, 3), keepdim=True) if value.ndim > 1 else value
        for key, value in state.items()
    }


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Faces to trace the graph with and to check it on: UINT8 [2, 512, 512, 3]."""
    generator = torch.Generator().manual_seed(seed)
    return ((torch.randint(0, 256, (2, 512, 512, 3), generator=generator, dtype=torch.uint8),),)
