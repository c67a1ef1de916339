"""basicsr's RRDBNet: ``tile`` FP32 [N, 3, H, W] → ``result`` FP32 [N, 3, sH, sW]."""

import torch
from basicsr.archs.rrdbnet_arch import RRDBNet


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    sizes = {"scale": 4, "num_block": 23} | layout
    network: torch.nn.Module = RRDBNet(num_in_ch=3, num_out_ch=3, **sizes)
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"result": network(arrays["tile"])}
