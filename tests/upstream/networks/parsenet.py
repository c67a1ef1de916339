"""facexlib's ParseNet: picture FP32 [N, 3, H, W] in [-1, 1] → logits FP32 [N, 19, H, W]."""

import torch
from facexlib.parsing.parsenet import ParseNet


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    layout = dict(layout)
    steps = layout.pop("steps", 4)
    published = {"in_size": 512, "out_size": 512, "min_feat_size": 512 >> steps, "parsing_ch": 19}
    network: torch.nn.Module = ParseNet(**(published | layout))
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"logits": network(arrays["picture"])[0]}
