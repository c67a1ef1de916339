"""CodeFormer: a transformer predicts the codes of a face, and fidelity says how much of the input is fused in.

Follows ``codeformer_arch.CodeFormer`` and ``vqgan_arch`` of sczhou/CodeFormer v0.1.0, with AdaIN as its inference has
it, and loads its state dict by the same key names. Upstream skips the fusion where the fidelity is not above 0; here
it is multiplied by 0, which gives the same, and lets every face of a batch have its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.architectures.codeformer_coder import Hyperparameters, encoder_of, generator_of, residual
from export.architectures.codeformer_predictor import CodePredictor
from export.architectures.common import StateDict, load_strictly
from export.architectures.face_graph import in_levels, normalised
from export.architectures.vqgan import LATENT, Codebook, convolution, random_faces, seeded_in_range

SLOPE = 0.2
EPSILON = 1e-5
_SCALING = 0.25


class Fusion(nn.Module):
    """Two FP32 maps [N, C, H, W], fidelity [N, 1, 1, 1] → the decoder's map, corrected by the encoder's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encode_enc = residual(2 * channels, channels)
        self.scale = self._correction(channels)
        self.shift = self._correction(channels)

    @staticmethod
    def _correction(channels: int) -> nn.Sequential:
        return nn.Sequential(convolution(channels, channels), nn.LeakyReLU(SLOPE), convolution(channels, channels))

    def forward(self, encoded: Tensor, decoded: Tensor, fidelity: Tensor) -> Tensor:
        seen = self.encode_enc(torch.cat((encoded, decoded), dim=1))
        correction: Tensor = decoded * self.scale(seen) + self.shift(seen)
        return decoded + fidelity * correction


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of each channel, what is left of ``x`` without it, and the standard deviation, unbiased as upstream's.

    Squares are taken after the mean is gone, so that they fit into FP16.
    """
    places = x.shape[2] * x.shape[3]
    mean = x.mean(dim=(2, 3), keepdim=True)
    rest = x - mean
    variance = rest.square().mean(dim=(2, 3), keepdim=True) * (places / (places - 1))
    return mean, rest, (variance + EPSILON).sqrt()


def with_style_of(style: Tensor, content: Tensor) -> Tensor:
    """AdaIN: ``content`` with the mean and spread of ``style`` in each channel; both FP32 [N, C, H, W]."""
    mean, _, spread = _statistics(style)
    _, rest, own_spread = _statistics(content)
    return rest * (spread / own_spread) + mean


class CodeFormer(CodePredictor):
    """FP32 [N, 3, 512, 512] in [-1, 1], fidelity FP32 [N, 1] → FP32 [N, 3, 512, 512], about [-1, 1], not clamped.

    Fidelity 0 trusts the codes alone, 1 the input as far as it goes; below 0 counts as 0.
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__(
            places=LATENT**2,
            encoded=hyperparameters.emb_dim,
            channels=hyperparameters.dim_embd,
            layers=hyperparameters.n_layers,
            codes=hyperparameters.codebook_size,
        )
        self.encoder = encoder_of(hyperparameters)
        self.quantize = Codebook(hyperparameters.codebook_size, hyperparameters.emb_dim)
        self.generator = generator_of(hyperparameters)
        sizes = {LATENT << level: width for level, width in enumerate(reversed(hyperparameters.widths))}
        self.fuse_convs_dict = nn.ModuleDict({str(size): Fusion(sizes[size]) for size in hyperparameters.connect_list})

    def forward(self, face: Tensor, fidelity: Tensor) -> Tensor:
        trust = fidelity.clamp(min=0.0).reshape(-1, 1, 1, 1)
        maps: dict[int, Tensor] = {}
        encoded = face
        for index, block in enumerate(self.encoder.blocks):
            encoded = block(encoded)
            if index in self.encoder.ready:
                maps[self.encoder.ready[index]] = encoded
        # Upstream takes the first of the sorted probabilities; the largest logit is the same code.
        codes = self.quantize(self.code_logits(encoded).argmax(dim=2))
        x = with_style_of(encoded, codes)
        for index, block in enumerate(self.generator.blocks):
            x = block(x)
            size = self.generator.ready.get(index, 0)
            if str(size) in self.fuse_convs_dict:
                x = self.fuse_convs_dict[str(size)](maps[size], x, trust)
        return x


class FidelityFaceGraph(nn.Module):
    """UINT8 [N, 512, 512, 3] RGB, fidelity FP32 [N, 1] → UINT8 [N, 512, 512, 3] RGB.

    Normalisation, clamping and rounding (half to even) are in the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def exact(self, face: Tensor, fidelity: Tensor) -> tuple[Tensor, ...]:
        """The result before rounding: FP32 [N, 512, 512, 3] in [0, 255]."""
        return (in_levels(self.network(normalised(face), fidelity)),)

    def forward(self, face: Tensor, fidelity: Tensor) -> Tensor:
        (restored,) = self.exact(face, fidelity)
        return restored.round().to(torch.uint8)


def build(state: StateDict, origin: str) -> CodeFormer:
    """The network that ``state`` belongs to, with its weights loaded, in evaluation mode.

    Raises:
        CheckpointMismatch: naming ``origin``, where the state dict is another architecture's.
    """
    network = load_strictly(CodeFormer(Hyperparameters.of(state, origin)), state, origin)
    network.place()
    return network


def served(network: nn.Module) -> FidelityFaceGraph:
    """What is exported: UINT8 [N, 512, 512, 3] RGB, FP32 [N, 1] → UINT8 [N, 512, 512, 3] RGB."""
    return FidelityFaceGraph(network)


def seeded_state(seed: int, layout: Mapping[str, int]) -> StateDict:
    """Random weights in the official layout; ``layout`` holds hyperparameters that are not the published ones."""
    network = CodeFormer(Hyperparameters.from_layout(layout))
    state = seeded_in_range(network, seed, f"generator.blocks.{len(network.generator.blocks) - 1}")
    for size in network.fuse_convs_dict:
        # The decoder's map is multiplied by this at every size: at full strength a few places would run away.
        state[f"fuse_convs_dict.{size}.scale.2.weight"] *= _SCALING
    return state


def examples(seed: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Faces and fidelities to trace the graph with and to check it on: UINT8 [2, 512, 512, 3], FP32 [2, 1]."""
    return ((random_faces(seed, 2), torch.tensor([[0.3], [0.9]])),)
