"""RetinaFace with the ResNet-50 backbone: slower than MobileNet's and finds more of the small and turned faces.

Follows ``facexlib.detection.retinaface.RetinaFace('resnet50')`` (facexlib 0.3.0), whose backbone is torchvision's
``resnet50`` without its classifier, and loads its state dict by the same key names. Everything behind the backbone is
``retinaface.RetinaFace``, with 256 channels and plain rectifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from export.architectures import retinaface
from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly, seeded_weights
from export.architectures.retinaface import RetinaFace
from export.architectures.retinaface_graph import DetectorGraph

EXPANSION: Final = 4
"""How many times wider a block's output is than its inside."""

PIXEL_SPREAD: Final = 70.0
"""About the standard deviation of the pixels that the first convolution sees."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the keys and shapes of a state dict tell: width and blocks of the backbone, channels behind it."""

    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    features: int = 256

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        width, _ = channels_of(state, "body.conv1.weight", origin)
        features, _ = channels_of(state, "fpn.output1.0.weight", origin)
        return Hyperparameters(width, tuple(count_blocks(state, f"body.layer{n}") for n in (1, 2, 3, 4)), features)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution with a shortcut around them; the stride is the 3×3 one's."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        result: Tensor = self.relu(self.bn3(self.conv3(inner)) + self.downsample(x))
        return result


class ResNet(nn.Module):
    """FP32 [N, 3, H, W] → three maps of 8, 16 and 32 times ``width`` channels at strides 8, 16 and 32.

    Sizes are rounded up.
    """

    def __init__(self, width: int, blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        stages = []
        channels = width
        for level, count in enumerate(blocks):
            stage: list[nn.Module] = []
            for index in range(count):
                stage.append(Bottleneck(channels, width << level, stride=2 if level and not index else 1))
                channels = EXPANSION * (width << level)
            stages.append(nn.Sequential(*stage))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stem = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        first = self.layer2(self.layer1(stem))
        second = self.layer3(first)
        return first, second, self.layer4(second)


def _network(hyperparameters: Hyperparameters) -> RetinaFace:
    width, features = hyperparameters.width, hyperparameters.features
    body = ResNet(width, hyperparameters.blocks)
    return RetinaFace(body, channels=(8 * width, 16 * width, 32 * width), features=features)


def build(state: StateDict, origin: str) -> RetinaFace:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    return load_strictly(_network(Hyperparameters.of(state, origin)), state, origin)


def served(network: RetinaFace) -> DetectorGraph:
    """What is exported: UINT8 [H, W, 3] RGB → boxes, scores and landmarks in pixels, best first."""
    return retinaface.served(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout.

    ``layout`` may make a smaller network, for tests: ``width``, ``features``, and ``depth``, the blocks of each stage.
    """
    published = Hyperparameters()
    depth = layout.get("depth")
    hyperparameters = Hyperparameters(
        width=layout.get("width", published.width),
        blocks=(depth,) * 4 if depth else published.blocks,
        features=layout.get("features", published.features),
    )
    state = seeded_weights(_network(hyperparameters), seed)
    # The pixels are not scaled to the unit range, and unlike MobileNet's, this backbone keeps their scale.
    state["body.bn1.running_var"] = state["body.bn1.running_var"] * PIXEL_SPREAD**2
    return state


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Pictures to trace the graph with and to check it on: UINT8 [H, W, 3], one with odd sides."""
    return retinaface.examples(seed)
