"""What every architecture needs: reading hyperparameters off weights, strict loading, seeded weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from limner.errors import CheckpointMismatch

StateDict: TypeAlias = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


def channels_of(state: Mapping[str, Tensor], key: str, origin: str) -> tuple[int, int]:
    """Output and input channels of the convolution weight ``key``, [out, in, kh, kw].

    Raises:
        CheckpointMismatch: where ``key`` is missing or is no convolution weight.
    """
    weight = state.get(key)
    if weight is None or weight.ndim != 4 or 0 in weight.shape:
        raise CheckpointMismatch(
            f"{origin} holds weights of another network: {key} is missing or has another shape. "
            "Put the file that belongs to this model in its place."
        )
    return int(weight.shape[0]), int(weight.shape[1])


def count_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered blocks stand under ``prefix``: ``prefix.0.…`` to ``prefix.<n-1>.…``."""
    depth = prefix.count(".") + 1
    numbers = {key.split(".")[depth] for key in state if key.startswith(prefix + ".")}
    return sum(number.isdigit() for number in numbers)


def load_strictly(network: Network, state: Mapping[str, Tensor], origin: str) -> Network:
    """Load ``state`` into ``network``: every key present, none left over, every shape right; evaluation mode.

    Batch counters of batch norms are the only keys that may be missing: they play no part in inference.

    Raises:
        CheckpointMismatch: naming ``origin`` and the first keys that do not fit.
    """
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    surplus = [key for key in state if key not in wanted]
    reshaped = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    for what, keys in (("lacks", missing), ("also has", surplus), ("has other shapes for", reshaped)):
        if keys:
            listed = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise CheckpointMismatch(
                f"{origin} does not fit {type(network).__name__}: it {what} {listed}. "
                "Put the file that belongs to this model in its place."
            )
    broken = next((key for key in wanted if key in state and not bool(torch.isfinite(state[key]).all())), None)
    if broken is not None:
        raise CheckpointMismatch(f"{origin} holds infinite numbers or NaN in {broken}. Take an earlier checkpoint.")
    network.load_state_dict({key: value.to(torch.float32) for key, value in state.items()}, strict=False)
    return network.eval()


def seeded_weights(network: nn.Module, seed: int) -> StateDict:
    """Random weights in the layout of ``network``: the same for the same seed, on every machine.

    Weights are drawn with variance 1 / fan-in, batch norms near identity, so that activations neither vanish nor
    explode however deep the network is.
    """
    generator = torch.Generator().manual_seed(seed)
    state: StateDict = {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(value)
        elif value.ndim > 1:
            fan_in = value[0].numel()
            state[key] = torch.randn(value.shape, generator=generator) / math.sqrt(fan_in)
        elif key.endswith("running_var"):
            state[key] = 0.5 + torch.rand(value.shape, generator=generator)
        elif key.endswith(".weight"):
            state[key] = 1.0 + 0.1 * torch.randn(value.shape, generator=generator)
        else:
            state[key] = 0.05 * torch.randn(value.shape, generator=generator)
    return state
