"""facexlib's BiSeNet: picture FP32 [N, 3, H, W] → logits FP32 [N, 19, H, W]."""

import torch
from facexlib.parsing.bisenet import BiSeNet


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    network: torch.nn.Module = BiSeNet(num_class=19)
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"logits": network(arrays["picture"])[0]}
