"""SRVGGNetCompact: ``tile`` FP32 [N, 3, H, W] → ``result`` FP32 [N, 3, sH, sW].

With ``denoise``, and ``strong`` and ``weak``, the paths of two checkpoints in UTF-8, also ``blended``: the same with
the weights that RealESRGANer mixes for ``inference_realesrgan.py -dn``.
"""

import torch
from realesrgan import RealESRGANer
from realesrgan.archs.srvgg_arch import SRVGGNetCompact

PUBLISHED: dict[str, int | str] = {
    "num_in_ch": 3,
    "num_out_ch": 3,
    "num_feat": 64,
    "num_conv": 32,
    "upscale": 4,
    "act_type": "prelu",
}


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    network: torch.nn.Module = SRVGGNetCompact(**(PUBLISHED | layout))
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    answer = {"result": network(arrays["tile"])}
    if "denoise" in arrays:
        denoise = arrays["denoise"].item()
        paths = [bytes(arrays[name].tolist()).decode() for name in ("strong", "weak")]
        state = RealESRGANer.dni(None, *paths, [denoise, 1 - denoise])["params"]
        network.load_state_dict(state, strict=True)
        answer |= {"blended": network(arrays["tile"])}
        answer |= {"blended_weight": state["body.2.weight"], "blended_slope": state["body.1.weight"]}
    return {name: torch.as_tensor(value) for name, value in answer.items()}
