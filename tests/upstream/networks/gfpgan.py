"""gfpgan's GFPGANv1Clean with its stored noise: face FP32 [N, 3, S, S] in [-1, 1] → result FP32 [N, 3, S, S]."""

import torch


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    from gfpgan.archs.gfpganv1_clean_arch import GFPGANv1Clean

    network: torch.nn.Module = GFPGANv1Clean(
        out_size=layout.get("out_size", 512),
        num_style_feat=layout.get("num_style_feat", 512),
        channel_multiplier=layout.get("channel_multiplier", 2),
        decoder_load_path=None,
        fix_decoder=False,
        num_mlp=8,
        input_is_latent=True,
        different_w=True,
        narrow=1 / layout.get("narrowing", 1),
        sft_half=True,
    )
    network.load_state_dict(state, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"result": network(arrays["face"], return_rgb=False, randomize_noise=False)[0]}
