"""facexlib's RetinaFace with ResNet-50.

``planes`` → ``offsets``, ``scores`` after softmax and ``landmarks``; ``photo``, UINT8 [H, W, 3] RGB → ``boxes`` and
``points`` of all its anchors, decoded to pixels.
"""

from typing import Any

import numpy as np
import torch
from facexlib.detection.retinaface import RetinaFace
from facexlib.detection.retinaface_utils import PriorBox, decode, decode_landm


def build(state: dict[str, torch.Tensor], layout: dict[str, int]) -> torch.nn.Module:
    network: torch.nn.Module = RetinaFace(network_name="resnet50", device=torch.device("cpu"))
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()}, strict=True)
    return network.eval()


def run(network: Any, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    heads = dict(zip(("offsets", "scores", "landmarks"), network(arrays["planes"]), strict=True))
    photo = arrays["photo"].numpy()
    height, width = photo.shape[:2]
    planes = torch.from_numpy(photo[:, :, ::-1].astype(np.float32).transpose(2, 0, 1))[None] - network.mean_tensor
    offsets, _, landmarks = network(planes)
    anchors = PriorBox(network.cfg, image_size=(height, width)).forward()
    variances = network.cfg["variance"]
    return heads | {
        "boxes": decode(offsets[0], anchors, variances) * torch.tensor([width, height] * 2),
        "points": decode_landm(landmarks[0], anchors, variances) * torch.tensor([width, height] * 5),
    }
