"""SwinIR: each array ``tile…`` FP32 [N, 3, H, W] → the same name, FP32 [N, 3, 4H, 4W]."""

import torch
from basicsr.archs.swinir_arch import SwinIR

PUBLISHED_M = {"groups": 6, "depth": 6, "embed_dim": 180, "num_heads": 6, "convolutions": 1}


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    sizes = PUBLISHED_M | layout
    network: torch.nn.Module = SwinIR(
        upscale=4,
        in_chans=3,
        img_size=64,
        window_size=8,
        img_range=1.0,
        depths=[sizes["depth"]] * sizes["groups"],
        embed_dim=sizes["embed_dim"],
        num_heads=[sizes["num_heads"]] * sizes["groups"],
        mlp_ratio=2,
        upsampler="nearest+conv",
        resi_connection=f"{sizes['convolutions']}conv",
    )
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: network(tile) for name, tile in arrays.items() if name.startswith("tile")}
