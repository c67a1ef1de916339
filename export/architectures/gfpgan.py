"""GFPGANv1Clean, the network of GFPGAN 1.3 and 1.4: a U-Net whose features steer a StyleGAN2 decoder.

Follows ``gfpgan.archs.gfpganv1_clean_arch.GFPGANv1Clean`` (gfpgan 1.3.8) as ``GFPGANer`` builds it (styles are
latents, one for each layer; half of the channels are transformed) and loads its state dict by the same key names.
Noise is what is stored in the checkpoint, so that results are deterministic: upstream's ``randomize_noise=False``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.architectures.common import StateDict, channels_of, count_blocks, load_strictly
from export.architectures.face_graph import FaceGraph
from export.architectures.modulated_conv import SLOPE, ConstantInput, StyleConv, ToRGB, doubled, halved
from export.models import FACE_SIZE

NUM_MLP = 8
_WIDEST = 512
_LARGEST_BLOCKS = 8


@dataclass(frozen=True)
class Hyperparameters:
    """What the shapes of a state dict tell; ``narrowing`` divides all channels, upstream's ``narrow`` is 1 by it."""

    out_size: int = FACE_SIZE
    num_style_feat: int = 512
    channel_multiplier: int = 2
    narrowing: int = 1

    @staticmethod
    def of(state: Mapping[str, Tensor], origin: str) -> Hyperparameters:
        """Read the hyperparameters off the weights.

        Raises:
            CheckpointMismatch: where a key that the network needs is missing or has an unexpected shape.
        """
        _, widest = channels_of(state, "stylegan_decoder.constant_input.weight", origin)
        blocks = min(max(count_blocks(state, "conv_body_down"), 1), _LARGEST_BLOCKS)
        half_of_first, _ = channels_of(state, "conv_body_first.weight", origin)
        out_size, narrowing = 4 * 2**blocks, max(_WIDEST // max(widest, 1), 1)
        multiplier = 2 * half_of_first * narrowing * out_size // 16384 if out_size > 32 else 2
        linear = state.get("final_linear.weight")
        latents = 2 * blocks + 2
        return Hyperparameters(
            out_size=out_size,
            num_style_feat=512 if linear is None else max(len(linear) // latents, 1),
            channel_multiplier=max(multiplier, 1),
            narrowing=narrowing,
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the feature maps that are decoded, from 8 to ``out_size``."""
        return tuple(2**power for power in range(3, self.out_size.bit_length()))

    def channels(self, size: int) -> int:
        """Channels of the decoder at maps of this side; the U-Net has half as many."""
        return (_WIDEST if size <= 32 else 16384 * self.channel_multiplier // size) // self.narrowing


class ResidualBlock(nn.Module):
    """Two convolutions with a change of size between them, and a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)


class Down(ResidualBlock):
    """FP32 [N, C, H, W] → FP32 [N, C', H/2, W/2]."""

    def forward(self, x: Tensor) -> Tensor:
        inner = halved(functional.leaky_relu(self.conv1(x), SLOPE))
        shortcut: Tensor = self.skip(halved(x))
        return functional.leaky_relu(self.conv2(inner), SLOPE) + shortcut


class Up(ResidualBlock):
    """FP32 [N, C, H, W] → FP32 [N, C', 2H, 2W]."""

    def forward(self, x: Tensor) -> Tensor:
        inner = doubled(functional.leaky_relu(self.conv1(x), SLOPE))
        # A 1×1 convolution without bias and interpolation may change places: here it sees a quarter of the pixels.
        shortcut = doubled(self.skip(x))
        return functional.leaky_relu(self.conv2(inner), SLOPE) + shortcut


def _condition(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Conv2d(channels, channels, 3, padding=1)
    )


class Decoder(nn.Module):
    """Latents, each FP32 [N, F], and for each map a scale and a shift of half of its channels → FP32 [N, 3, S, S]."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        features, channels = hyperparameters.num_style_feat, hyperparameters.channels(4)
        self.constant_input = ConstantInput(channels)
        self.style_conv1 = StyleConv(channels, channels, features, upsample=False)
        self.to_rgb1 = ToRGB(channels, features)
        self.style_convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        noise_sizes = [4]
        for size in hyperparameters.sizes:
            outputs = hyperparameters.channels(size)
            self.style_convs.append(StyleConv(channels, outputs, features, upsample=True))
            self.style_convs.append(StyleConv(outputs, outputs, features, upsample=False))
            self.to_rgbs.append(ToRGB(outputs, features))
            noise_sizes += [size, size]
            channels = outputs
        for index, size in enumerate(noise_sizes):
            self.noises.register_buffer(f"noise{index}", torch.empty(1, 1, size, size))

    def prepare(self) -> None:
        """Make the constants that go with the loaded weights."""
        for index, layer in enumerate(layer for layer in self.modules() if isinstance(layer, StyleConv)):
            layer.prepare(self.noises.get_buffer(f"noise{index}"))
        for module in self.modules():
            if isinstance(module, ToRGB):
                module.prepare()

    def forward(self, latents: tuple[Tensor, ...], conditions: list[tuple[Tensor, Tensor]]) -> Tensor:
        x = self.style_conv1(self.constant_input.weight, latents[0])
        rgb: Tensor = self.to_rgb1(x, latents[1])
        for index, (scale, shift) in enumerate(conditions):
            enter, leave, to_rgb = self.style_convs[2 * index], self.style_convs[2 * index + 1], self.to_rgbs[index]
            first, second, third = latents[2 * index + 1 : 2 * index + 4]
            same, steered = enter(x, first).chunk(2, dim=1)
            x = leave(torch.cat((same, steered * scale + shift), dim=1), second)
            rgb = to_rgb(x, third) + doubled(rgb)
        return rgb


class GFPGANv1Clean(nn.Module):
    """FP32 [N, 3, S, S] in [-1, 1] → FP32 [N, 3, S, S], about [-1, 1], not clamped; S is ``out_size``."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        sizes = hyperparameters.sizes
        widths = [hyperparameters.channels(size) // 2 for size in (4, *sizes)]
        self.latents = 2 * len(sizes) + 2
        self.conv_body_first = nn.Conv2d(3, widths[-1], 1)
        self.conv_body_down = nn.ModuleList(Down(fine, coarse) for coarse, fine in reversed(list(pairwise(widths))))
        self.final_conv = nn.Conv2d(widths[0], widths[0], 3, padding=1)
        self.conv_body_up = nn.ModuleList(Up(coarse, fine) for coarse, fine in pairwise(widths))
        self.final_linear = nn.Linear(widths[0] * 4 * 4, self.latents * hyperparameters.num_style_feat)
        self.condition_scale = nn.ModuleList(_condition(width) for width in widths[1:])
        self.condition_shift = nn.ModuleList(_condition(width) for width in widths[1:])
        self.stylegan_decoder = Decoder(hyperparameters)

    def forward(self, face: Tensor) -> Tensor:
        x = functional.leaky_relu(self.conv_body_first(face), SLOPE)
        seen: list[Tensor] = []
        for down in self.conv_body_down:
            x = down(x)
            seen.append(x)
        x = functional.leaky_relu(self.final_conv(x), SLOPE)
        latents = self.final_linear(x.flatten(1)).chunk(self.latents, dim=1)
        conditions: list[tuple[Tensor, Tensor]] = []
        for up, scale, shift in zip(self.conv_body_up, self.condition_scale, self.condition_shift, strict=True):
            x = up(x + seen.pop())
            conditions.append((scale(x), shift(x)))
        result: Tensor = self.stylegan_decoder(latents, conditions)
        return result


def unused_shapes(hyperparameters: Hyperparameters) -> dict[str, tuple[int, ...]]:
    """Published keys that restoring does not need, with their shapes.

    ``toRGB`` makes previews that only training looks at; ``style_mlp`` makes latents of random numbers.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for index, size in enumerate(hyperparameters.sizes):
        shapes[f"toRGB.{index}.weight"] = (3, hyperparameters.channels(size) // 2, 1, 1)
        shapes[f"toRGB.{index}.bias"] = (3,)
    features = hyperparameters.num_style_feat
    for index in range(1, 2 * NUM_MLP, 2):
        shapes[f"stylegan_decoder.style_mlp.{index}.weight"] = (features, features)
        shapes[f"stylegan_decoder.style_mlp.{index}.bias"] = (features,)
    return shapes


def build(state: StateDict, origin: str) -> GFPGANv1Clean:
    """The network that ``state`` belongs to, with its weights loaded and prepared, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    hyperparameters = Hyperparameters.of(state, origin)
    unused = unused_shapes(hyperparameters)
    needed = {key: value for key, value in state.items() if key not in unused}
    network = load_strictly(GFPGANv1Clean(hyperparameters), needed, origin)
    network.stylegan_decoder.prepare()
    return network


def served(network: nn.Module) -> FaceGraph:
    """What is exported: UINT8 [N, 512, 512, 3] RGB → UINT8 [N, 512, 512, 3] RGB."""
    return FaceGraph(network)


def _mean_and_deviation(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Of the random weights ``key``: such that every part of the network does something, and nothing explodes."""
    if ".noises." in key or key.endswith("constant_input.weight"):
        return 0.0, 1.0
    if shape == (1,):  # the strength of the noise
        return 0.1, 0.03
    if len(shape) == 5:
        return 0.0, (0.1 if "to_rgb" in key else 1.0) / math.sqrt(math.prod(shape[2:]))
    if key.endswith("modulation.bias") or (key.startswith("condition_scale") and key.endswith("2.bias")):
        return 1.0, 0.1
    if key.endswith("bias"):
        return 0.0, 0.05
    last_of_condition = key.startswith("condition") and key.endswith("2.weight")
    variance = 0.7 if key.startswith("conv_body_up") else 0.12 if last_of_condition else 1.3
    return 0.0, math.sqrt(variance / math.prod(shape[1:]))


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not the published ones."""
    hyperparameters = Hyperparameters(**layout)
    with torch.device("meta"):
        network = GFPGANv1Clean(hyperparameters)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()} | unused_shapes(hyperparameters)
    generator = torch.Generator().manual_seed(seed)
    drawn = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    spread = {key: _mean_and_deviation(key, shape) for key, shape in shapes.items()}
    return {key: spread[key][0] + spread[key][1] * value for key, value in drawn.items()}


def examples(seed: int, size: int = FACE_SIZE) -> tuple[tuple[Tensor], ...]:
    """Two pictures with large shapes and grain, for the network sees both: UINT8 [2, size, size, 3]."""
    generator = torch.Generator().manual_seed(seed)
    shapes = functional.interpolate(
        torch.rand((2, 3, 8, 8), generator=generator), size=(size, size), mode="bilinear", align_corners=False
    )
    grain = 0.1 * torch.randn((2, 3, size, size), generator=generator)
    return ((((shapes + grain).clamp(0, 1).permute(0, 2, 3, 1) * 255.0).round().to(torch.uint8).contiguous(),),)
