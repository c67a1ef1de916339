"""An exported RRDBNet in PyTorch again, and what its convolutions are given: activations by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from export.architectures.rrdbnet import Hyperparameters, ResidualDenseBlock, RRDBNet
from limner.errors import ExportError

FEATURES = 64
GROWTH = 32
DENSE = 5
"""Convolutions of a dense block, of which a residual block has three."""

_ENDS = 6
"""Convolutions outside the dense blocks: the first, the body's, two that enlarge, and the last two."""

DENSE_NAMES = ("stream", "growth")
"""How names of activations inside the dense blocks begin."""

BODY_NAME = "body"
UP_NAMES = ("up 0", "up 1")
HIGH_NAME = "high"
LAST_NAME = "last"


def read_network(model: onnx.ModelProto) -> RRDBNet:
    """The network of an ONNX graph that Limner exported, whose convolutions stand in the order of the module's.

    Raises:
        ExportError: where it is no RRDBNet of 64 features and 32 growth channels with a scale of 4 or 2.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    found = [
        [torch.from_numpy(numpy_helper.to_array(constants[name]).copy()) for name in node.input[1:3]]
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
    blocks, rest = divmod(len(found) - _ENDS, 3 * DENSE)
    scale = {3: 4, 12: 2}.get(found[0][0].shape[1]) if found else None
    if rest or blocks < 1 or scale is None:
        raise ExportError(_ANOTHER)
    network = RRDBNet(Hyperparameters(scale=scale, num_feat=FEATURES, num_block=blocks, num_grow_ch=GROWTH)).eval()
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    state: dict[str, Tensor] = {}
    for name, (weight, bias) in zip(names, found, strict=True):
        state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise ExportError(_ANOTHER) from None
    return network


def dense_blocks(network: RRDBNet) -> list[ResidualDenseBlock]:
    """In the order in which they run."""
    return [module for module in network.body.modules() if isinstance(module, ResidualDenseBlock)]


def convolutions(block: ResidualDenseBlock) -> tuple[nn.Conv2d, ...]:
    """Those of a dense block, each of which sees what all before it gave."""
    return block.conv1, block.conv2, block.conv3, block.conv4, block.conv5


def stream_name(block: int) -> str:
    """What the dense block of this number reads."""
    return f"stream {block}"


def growth_name(block: int, number: int) -> str:
    """What convolution ``number`` of a dense block gives, from 0 on."""
    return f"growth {block} {number}"


@dataclass(frozen=True)
class Activation:
    """A value by its name: what ``taken`` takes out of the input of ``reader``, FP32 [N, C, H, W] both."""

    name: str
    reader: nn.Conv2d
    taken: Callable[[Tensor], Tensor]


def activations(network: RRDBNet) -> Iterator[Activation]:
    """Each value that the kernel keeps as integers, once. Of what is doubled, the value before that."""
    for number, block in enumerate(dense_blocks(network)):
        first, *others = convolutions(block)
        yield Activation(stream_name(number), first, _all)
        for position, reader in enumerate(others):
            yield Activation(growth_name(number, position), reader, _newest)
    yield Activation(BODY_NAME, network.conv_body, _all)
    yield Activation(UP_NAMES[0], network.conv_up1, _halved)
    yield Activation(UP_NAMES[1], network.conv_up2, _halved)
    yield Activation(HIGH_NAME, network.conv_hr, _all)
    yield Activation(LAST_NAME, network.conv_last, _all)


def _all(values: Tensor) -> Tensor:
    return values


def _newest(values: Tensor) -> Tensor:
    return values[:, -GROWTH:]


def _halved(values: Tensor) -> Tensor:
    return values[:, :, ::2, ::2]


_ANOTHER = "This graph is not an RRDBNet of 64 features and 32 growth channels."
