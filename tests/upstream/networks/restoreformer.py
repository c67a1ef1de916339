"""gfpgan's RestoreFormer: face FP32 [N, 3, H, W] in [-1, 1] → restored, the same.

``layout``: ``levels`` is how many of the published channel multipliers, from the first, the network has; the other
names are those of the constructor.
"""

from __future__ import annotations

import torch
from gfpgan.archs.restoreformer_arch import RestoreFormer

MULTIPLIERS = (1, 2, 2, 4, 4, 8)


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    given = dict(layout)
    levels = given.pop("levels", len(MULTIPLIERS))
    published = {"n_embed": 1024, "embed_dim": 256, "ch": 64, "z_channels": 256, "num_res_blocks": 2, "head_size": 8}
    network: torch.nn.Module = RestoreFormer(
        **(published | given),
        ch_mult=MULTIPLIERS[:levels],
        attn_resolutions=(16,),
        resolution=16 << (levels - 1),
    )
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"restored": network(arrays["face"])[0]}
