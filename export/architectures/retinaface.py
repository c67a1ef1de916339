"""RetinaFace with the MobileNetV1 ×0.25 backbone: faces and their five landmarks.

Follows ``facexlib.detection.retinaface.RetinaFace('mobile0.25')`` (facexlib 0.3.0) and loads its state dict by the
same key names; those of the classifier on top of the backbone are not needed and not kept there either.
Another backbone is one more ``nn.Module`` that gives three feature maps at strides 8, 16 and 32, as in
``retinaface_resnet50``. Behind the backbone, activations leak only with up to 64 channels, as in facexlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, load_strictly, seeded_weights
from export.architectures.retinaface_graph import ANCHORS, DetectorGraph

SLOPE: Final = 0.1
ANCHORS_PER_CELL: Final = 2
STAGES: Final = (
    # (channels, stride) of the depthwise blocks of each stage; stage 1 begins with a plain convolution to 8 channels
    ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1)),
    ((128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1)),
    ((256, 2), (256, 1)),
)


def _conv_bn(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, slope: float | None = SLOPE) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if slope is not None:
        layers.append(nn.LeakyReLU(slope) if slope else nn.ReLU())
    return nn.Sequential(*layers)


def _depthwise(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A 3×3 convolution channel by channel, then a 1×1 across channels."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE),
    )


class MobileNet(nn.Module):
    """FP32 [N, 3, H, W] → three maps of 64, 128 and 256 channels at strides 8, 16 and 32 (sizes rounded up)."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[list[nn.Module]] = [[_conv_bn(3, 8, stride=2)], [], []]
        channels = 8
        for stage, plan in zip(blocks, STAGES, strict=True):
            for outputs, stride in plan:
                stage.append(_depthwise(channels, outputs, stride))
                channels = outputs
        self.stage1, self.stage2, self.stage3 = (nn.Sequential(*stage) for stage in blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = self.stage1(x)
        second = self.stage2(first)
        return first, second, self.stage3(second)


class FeaturePyramid(nn.Module):
    """Carries what the coarse maps saw into the finer ones; three maps of ``features`` channels."""

    def __init__(self, channels: tuple[int, int, int], features: int, slope: float) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (
            _conv_bn(inputs, features, kernel=1, slope=slope) for inputs in channels
        )
        self.merge1 = _conv_bn(features, features, slope=slope)
        self.merge2 = _conv_bn(features, features, slope=slope)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.output1(maps[0]), self.output2(maps[1]), self.output3(maps[2])
        middle = self.merge2(middle + _doubled_like(coarse, middle))
        fine = self.merge1(fine + _doubled_like(middle, fine))
        return fine, middle, coarse


def _doubled_like(coarse: Tensor, fine: Tensor) -> Tensor:
    """``coarse`` at the size of ``fine``, which is twice as large or one less.

    Nearest-neighbour interpolation between such sizes takes pixel ⌊i/2⌋, so doubling and cutting is the same and
    keeps the scale in the graph constant.
    """
    doubled = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
    return doubled[:, :, : fine.shape[2], : fine.shape[3]]


class ContextModule(nn.Module):
    """Three receptive fields (3, 5 and 7 wide, made of 3×3 convolutions) side by side."""

    def __init__(self, features: int, slope: float) -> None:
        super().__init__()
        quarter = features // 4
        self.conv3X3 = _conv_bn(features, features // 2, slope=None)
        self.conv5X5_1 = _conv_bn(features, quarter, slope=slope)
        self.conv5X5_2 = _conv_bn(quarter, quarter, slope=None)
        self.conv7X7_2 = _conv_bn(quarter, quarter, slope=slope)
        self.conv7x7_3 = _conv_bn(quarter, quarter, slope=None)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.conv5X5_1(x)
        fields = (self.conv3X3(x), self.conv5X5_2(shared), self.conv7x7_3(self.conv7X7_2(shared)))
        return functional.relu(torch.cat(fields, dim=1))


class Head(nn.Module):
    """FP32 [N, C, h, w] → FP32 [N, h·w·2, values]: one row for each anchor, row by row, the small anchor first."""

    def __init__(self, features: int, values: int) -> None:
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(features, ANCHORS_PER_CELL * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.conv1x1(x).permute(0, 2, 3, 1)
        return rows.reshape(x.shape[0], -1, self.values)


class RetinaFace(nn.Module):
    """FP32 [N, 3, H, W] BGR minus (104, 117, 123) → offsets [N, P, 4], logits [N, P, 2], landmarks [N, P, 10].

    P is the number of anchors. The offsets are relative to the anchors; ``DetectorGraph`` decodes them.
    """

    def __init__(self, body: nn.Module, channels: tuple[int, int, int], features: int) -> None:
        super().__init__()
        slope = SLOPE if features <= 64 else 0.0
        self.body = body
        self.fpn = FeaturePyramid(channels, features, slope)
        self.ssh1, self.ssh2, self.ssh3 = (ContextModule(features, slope) for _ in range(3))
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(Head(features, values) for _ in ANCHORS) for values in (2, 4, 10)
        )

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three feature maps that the heads read, finest first."""
        fine, middle, coarse = self.fpn(self.body(x))
        return self.ssh1(fine), self.ssh2(middle), self.ssh3(coarse)

    def heads(self, maps: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets, logits and landmarks of all maps, one after the other."""
        offsets, logits, landmarks = (
            torch.cat([head(features) for head, features in zip(heads, maps, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return offsets, logits, landmarks

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.heads(self.maps(x))


def build(state: StateDict, origin: str) -> RetinaFace:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    return load_strictly(_mobilenet(), state, origin)


def _mobilenet() -> RetinaFace:
    return RetinaFace(MobileNet(), channels=(64, 128, 256), features=64)


def served(network: RetinaFace) -> DetectorGraph:
    """What is exported: UINT8 [H, W, 3] RGB → boxes, scores and landmarks in pixels, best first."""
    return DetectorGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout, of which there is one."""
    del layout
    return seeded_weights(_mobilenet(), seed)


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Pictures to trace the graph with and to check it on: UINT8 [H, W, 3], one with odd sides."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),)
        for shape in ((96, 128, 3), (75, 139, 3))
    )
