"""The graph around RetinaFace: normalisation in front, anchors, decoding and sorting behind.

Follows ``PriorBox``, ``decode`` and ``decode_landm`` of facexlib 0.3.0. There anchors and results are fractions of
the picture's sides, scaled to pixels at the end; the sides cancel out, so here everything is in pixels throughout.
"""

from __future__ import annotations

from typing import Final, Protocol

import torch
from torch import Tensor, nn

ANCHORS: Final = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Stride of each feature map and the sides of its two square anchors, in pixels."""

CENTRE_VARIANCE: Final = 0.1
SIZE_VARIANCE: Final = 0.2
MEAN_BGR: Final = (104.0, 117.0, 123.0)
MAX_CANDIDATES: Final = 3000
"""How many of the best-scored anchors are given out; a picture with more faces than that is not foreseen."""


def anchor_boxes(rows: int, columns: int, stride: int, sides: tuple[int, int]) -> Tensor:
    """Anchors of one feature map: FP32 [rows·columns·2, 3], centre x, centre y and side in pixels."""
    y = (torch.arange(rows, dtype=torch.float32) + 0.5) * stride
    x = (torch.arange(columns, dtype=torch.float32) + 0.5) * stride
    side = torch.tensor(sides, dtype=torch.float32)
    shape = (rows, columns, len(sides))
    axes = (x.reshape(1, -1, 1), y.reshape(-1, 1, 1), side.reshape(1, 1, -1))
    return torch.stack([axis.expand(shape) for axis in axes], dim=-1).reshape(-1, 3)


class DetectorNetwork(Protocol):
    """RetinaFace with any backbone."""

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The feature maps that the heads read, finest first."""

    def heads(self, maps: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets [N, P, 4], logits [N, P, 2] and landmarks [N, P, 10]."""


class DetectorGraph(nn.Module):
    """UINT8 [H, W, 3] RGB → boxes FP32 [K, 4], scores FP32 [K], landmarks FP32 [K, 10], by falling score.

    Boxes are (x0, y0, x1, y1) and landmarks five (x, y) pairs, in pixels of the picture, not clipped to it. K is the
    number of anchors, at most ``MAX_CANDIDATES``. Thresholding and non-maximum suppression are the caller's.
    """

    mean: Tensor

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN_BGR).reshape(1, 3, 1, 1), persistent=False)

    def exact(self, image: Tensor) -> tuple[Tensor, ...]:
        """Boxes [P, 4], scores [P] and landmarks [P, 10] of all P anchors, in the anchors' order."""
        planes = image.to(torch.float32).flip(2).permute(2, 0, 1).unsqueeze(0) - self.mean
        maps = self.network.maps(planes)
        offsets, logits, landmarks = (values[0] for values in self.network.heads(maps))
        anchors = torch.cat(
            [anchor_boxes(m.shape[2], m.shape[3], *spec) for m, spec in zip(maps, ANCHORS, strict=True)]
        )
        centre, side = anchors[:, :2], anchors[:, 2:]
        middle = centre + offsets[:, :2] * (CENTRE_VARIANCE * side)
        half = torch.exp(offsets[:, 2:] * SIZE_VARIANCE) * (side / 2)
        boxes = torch.cat((middle - half, middle + half), dim=1)
        points = torch.cat([centre] * 5, dim=1) + landmarks * (CENTRE_VARIANCE * side)
        scores = torch.softmax(logits, dim=1)[:, 1]
        return boxes, scores, points

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        boxes, scores, points = self.exact(image)
        best, order = torch.topk(scores, min(scores.shape[0], MAX_CANDIDATES))
        return boxes.index_select(0, order), best, points.index_select(0, order)
