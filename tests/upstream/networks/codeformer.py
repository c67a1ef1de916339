"""CodeFormer's own network, out of ``codeformer-pip``: face FP32 [N, 3, H, W] in [-1, 1], fidelity FP32 [N, 1] →
restored FP32 [N, 3, H, W], each face alone with its own ``w``, AdaIN on, as upstream's inference.

``layout``: ``levels`` is how many of the published channel multipliers, from the first, the network has, ``nf`` its
first width, ``connect`` how many sizes are fused, from 32 up; the other names are those of the constructor. Upstream's
constructor has no parameters for the first three, so its autoencoder and tables are set up anew for small networks.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import basicsr.utils.registry
import torch

MULTIPLIERS = (1, 2, 2, 4, 4, 8)


def _module() -> Any:
    """The architecture's file alone: the package around it imports training code that needs more than is there."""
    spec = importlib.util.find_spec("codeformer")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    for name in ("basicsr", "basicsr.archs"):
        package = types.ModuleType(f"codeformer.{name}")
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[package.__name__] = package
    sys.modules["codeformer.basicsr.utils"] = basicsr.utils
    sys.modules["codeformer.basicsr.utils.registry"] = basicsr.utils.registry
    return importlib.import_module("codeformer.basicsr.archs.codeformer_arch")


def _thin(arch: Any, network: Any, layout: dict[str, int], nf: int, levels: int) -> None:
    """Replace what upstream's constructor fixes: widths, the number of levels, and which blocks are fused."""
    multipliers = MULTIPLIERS[:levels]
    coder = arch.VQAutoEncoder(
        16 << (levels - 1), nf, list(multipliers), "nearest", 2, [16], layout.get("codebook_size", 1024)
    )
    network.encoder, network.generator, network.quantize = coder.encoder, coder.generator, coder.quantize
    sizes = [16 << (levels - 1 - level) for level in range(levels - 1)]
    network.fuse_encoder_block = {str(size): 3 * level + 2 for level, size in enumerate(sizes)}
    network.fuse_generator_block = {str(size): 9 + 3 * level for level, size in enumerate(reversed(sizes))}
    channels = {str(size): nf * multipliers[level] for level, size in enumerate(sizes)}
    network.fuse_convs_dict = torch.nn.ModuleDict(
        {size: arch.Fuse_sft_block(channels[size], channels[size]) for size in network.connect_list}
    )


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> Any:
    arch = _module()
    given = dict(layout)
    nf, levels, connect = given.pop("nf", 64), given.pop("levels", len(MULTIPLIERS)), given.pop("connect", 4)
    published = {"dim_embd": 512, "codebook_size": 1024, "n_head": 8, "n_layers": 9}
    sizes = [str(32 << level) for level in range(connect)]
    network = arch.CodeFormer(**(published | given), connect_list=sizes)
    if (nf, levels) != (64, len(MULTIPLIERS)):
        _thin(arch, network, given, nf, levels)
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    faces = zip(torch.split(arrays["face"], 1), arrays["fidelity"].flatten().tolist(), strict=True)
    return {"restored": torch.cat([network(face, w=w, adain=True)[0] for face, w in faces])}
