"""facexlib's RetinaFace, either backbone: ``planes`` FP32 [N, 3, H, W] → offsets, scores and landmarks."""

import torch
from facexlib.detection.retinaface import RetinaFace


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    backbone = "resnet50" if any("body.layer1" in key for key in state) else "mobile0.25"
    network: torch.nn.Module = RetinaFace(network_name=backbone, device=torch.device("cpu"))
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()}, strict=True)
    return network.eval()


def run(network: torch.nn.Module, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(zip(("offsets", "scores", "landmarks"), network(arrays["planes"]), strict=True))
