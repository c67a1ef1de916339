"""StyleGAN2's modulated convolutions, with constant weights and numbers that FP16 can hold.

Follows ``ModulatedConv2d``, ``StyleConv``, ``ToRGB`` and ``ConstantInput`` of ``gfpgan.archs.stylegan2_clean_arch``
(gfpgan 1.3.8) and loads their keys. Upstream multiplies the weights by the styles s of each sample and convolves each
sample with its own; runtimes neither quantise nor plan that well. Here the input is scaled instead, the weights W stay
constant:

    demodulated   conv(x, W·s)·rsqrt(Σ(W·s)² + ε)  =  conv(x·m, V)·rsqrt(m² @ ΣV² + ε/(s̄·w)²)
    plain         conv(x, W·s)                     =  conv(x·m, V)·(s̄·w)

where s̄ = max|s|, m = s/s̄, V = W/w, and w = max|W|: of each output channel where demodulation cancels it, of the
layer where it does not. Published styles reach the thousands, and their squares, or activations times
them, leave FP16's range (65504): the restored face turns into one flat colour. m and V lie in [-1, 1] whatever the
weights, so ΣV² and m² @ ΣV² stay below their number (4608 for the largest layer).

Both hold for every w and s̄ that are not 0, so they are kept where FP16 can hold what follows: w of a channel is at
least w of the layer by ``CONTRAST``, and s̄ at least ``faintest``. ε = 1e-8 is below FP16, so its root is kept:
ε/(s̄·w)² is (√ε/w/s̄)². In FP16 that becomes 0 where s̄ is large, which is right: there it is nothing beside the sum.
``FLOOR`` then keeps a channel without weights from giving 0·∞. It is the one thing that is not exact: the result
becomes smaller by FLOOR over twice the sum, 5e-7 where the sum is about 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
ROOT_EPSILON = 1e-4
FLOOR = 2.0**-20
"""Added to m² @ ΣV²; FP16 holds it and the inverse of its root."""
FAINTEST = 2.0**-14
"""FP16's smallest normal number."""
CONTRAST = 2.0**10
LARGEST_ROOT = 128.0
"""Upper limit of √ε/w/s̄; its square, with all of ΣV², stays in FP16."""


def doubled(x: Tensor) -> Tensor:
    """FP32 [N, C, H, W] → [N, C, 2H, 2W], bilinear, corners not aligned."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """FP32 [N, C, H, W], H and W even → [N, C, H/2, W/2]: bilinear by half, which is the mean of 2×2 pixels."""
    return functional.avg_pool2d(x, 2)


def _largest(weight: Tensor) -> Tensor:
    """The largest absolute value, 1 where all are zero."""
    largest = weight.abs().amax()
    return torch.where(largest > 0, largest, torch.ones_like(largest))


def _planes(channels: Tensor) -> Tensor:
    """[N, C] → [N, C, 1, 1]."""
    return channels[:, :, None, None]


class ModulatedConv2d(nn.Module):
    """The weights and the layer that makes styles; what is common to both kinds.

    ``kernel`` is V, [C', C, k, k]; a graph is only to be made after ``prepare``, which sets it.
    """

    kernel: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, style_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, outputs, inputs, size, size), requires_grad=False)
        self.modulation = nn.Linear(style_features, inputs)
        self.register_buffer("kernel", torch.empty(0), persistent=False)
        self.faintest = FAINTEST

    def styles(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Latent FP32 [N, F] → m FP32 [N, C] in [-1, 1] and s̄ FP32 [N, 1]; their product is the style."""
        styles = self.modulation(latent)
        largest = styles.abs().amax(dim=1, keepdim=True).clamp(min=self.faintest)
        return styles / largest, largest


class DemodulatedConv2d(ModulatedConv2d):
    """A 3×3 convolution, demodulated and multiplied by √2."""

    energy: Tensor
    floor: Tensor
    root_epsilon: Tensor

    def __init__(self, inputs: int, outputs: int, style_features: int) -> None:
        super().__init__(inputs, outputs, 3, style_features)
        self.register_buffer("energy", torch.empty(outputs, inputs), persistent=False)
        self.register_buffer("floor", torch.full((outputs,), FLOOR), persistent=False)
        self.register_buffer("root_epsilon", torch.full((outputs,), ROOT_EPSILON), persistent=False)

    @torch.no_grad()
    def prepare(self) -> None:
        """Turn the loaded weights W into V, and make the constants that go with them."""
        largest = self.weight.abs().amax(dim=(2, 3, 4), keepdim=True).clamp(min=_largest(self.weight) / CONTRAST)
        self.weight.div_(largest)
        self.kernel = self.weight[0]
        # 1/√(e/2) is √2/√e: upstream's factor behind the convolution costs nothing here.
        self.energy.copy_(self.kernel.square().sum(dim=(2, 3)) / 2.0)
        self.root_epsilon.copy_(math.sqrt(0.5) * ROOT_EPSILON / largest.flatten())
        self.faintest = max(FAINTEST, float(self.root_epsilon.max()) / LARGEST_ROOT)

    def forward(self, x: Tensor, latent: Tensor, bias: Tensor, *, upsample: bool) -> Tensor:
        """``bias`` [C'] is added to the result.

        It is multiplied and divided by the same, for a constant beside the noise would be folded into it: OpenVINO
        would then keep, and read for each face, a map of all channels instead of one.
        """
        m, largest = self.styles(latent)
        scaled = x * _planes(m)
        convolved = functional.conv2d(doubled(scaled) if upsample else scaled, self.kernel, padding=1)
        epsilon = self.root_epsilon / largest
        energy = functional.linear(m * m, self.energy, self.floor) + epsilon * epsilon
        deviation = energy.sqrt()
        return (convolved + _planes(deviation * bias)) * _planes(deviation.reciprocal())


class StyleConv(nn.Module):
    """FP32 [N, C, H, W] and a latent [N, F] → FP32 [N, C', H, W], twice as large where ``upsample``."""

    noise: Tensor

    def __init__(self, inputs: int, outputs: int, style_features: int, *, upsample: bool) -> None:
        super().__init__()
        self.upsample = upsample
        self.modulated_conv = DemodulatedConv2d(inputs, outputs, style_features)
        self.weight = nn.Parameter(torch.empty(1), requires_grad=False)
        self.bias = nn.Parameter(torch.empty(1, outputs, 1, 1), requires_grad=False)
        self.register_buffer("noise", torch.empty(0), persistent=False)

    @torch.no_grad()
    def prepare(self, noise: Tensor) -> None:
        """Make the constants that go with the loaded weights; ``noise``: stored with them, [1, 1, H, W]."""
        self.modulated_conv.prepare()
        self.noise = self.weight * noise

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        convolved = self.modulated_conv(x, latent, self.bias.flatten(), upsample=self.upsample)
        return functional.leaky_relu(convolved + self.noise, SLOPE)


class PlainConv2d(ModulatedConv2d):
    """A 1×1 convolution to RGB, not demodulated."""

    def __init__(self, inputs: int, style_features: int) -> None:
        super().__init__(inputs, 3, 1, style_features)

    @torch.no_grad()
    def prepare(self) -> None:
        """Move the size of the loaded weights into the styles: the product is RGB's and of RGB's size."""
        largest = _largest(self.weight)
        self.weight.div_(largest)
        self.kernel = self.weight[0]
        self.modulation.weight.mul_(largest)
        self.modulation.bias.mul_(largest)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        m, largest = self.styles(latent)
        return functional.conv2d(x * _planes(m), self.kernel) * _planes(largest)


class ToRGB(nn.Module):
    """FP32 [N, C, H, W] and a latent [N, F] → FP32 [N, 3, H, W]."""

    def __init__(self, inputs: int, style_features: int) -> None:
        super().__init__()
        self.modulated_conv = PlainConv2d(inputs, style_features)
        self.bias = nn.Parameter(torch.empty(1, 3, 1, 1), requires_grad=False)

    def prepare(self) -> None:
        """Make the constants that go with the loaded weights."""
        self.modulated_conv.prepare()

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        rgb: Tensor = self.modulated_conv(x, latent) + self.bias
        return rgb


class ConstantInput(nn.Module):
    """What the decoder starts from, the same for every face: FP32 [1, C, 4, 4]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, channels, 4, 4), requires_grad=False)
