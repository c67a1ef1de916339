"""A PyTorch checkpoint, old layout and new; its tensors are read to their last value."""

from __future__ import annotations

import io
import tempfile
from collections import OrderedDict
from pathlib import Path

import torch

from export.checkpoint import load_checkpoint
from limner.errors import CheckpointMismatch

KEYS = ("params_ema",)


def seeds() -> list[bytes]:
    state = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(2, dtype=torch.float16))
    odd = {"view": torch.ones(1).expand(3, 3), "int": torch.arange(3), "bool": torch.ones(1, dtype=torch.bool)}
    parameter = {"module.w": torch.nn.Parameter(torch.ones(2))}
    contents = [{"params_ema": state}, state, {"params_ema": odd}, {"state_dict": parameter}, [1, {"a": (2, None)}]]
    return [_saved(content, old) for content in contents for old in (True, False)]


def _saved(content: object, old: bool) -> bytes:
    target = io.BytesIO()
    torch.save(content, target, _use_new_zipfile_serialization=not old)
    return target.getvalue()


def check(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".pth") as file:
        file.write(data)
        file.flush()
        try:
            state = load_checkpoint(Path(file.name), KEYS)
        except CheckpointMismatch:
            return
    assert state
    for name, value in state.items():
        assert isinstance(name, str)
        assert value.device.type == "cpu", value.device
        assert value.numel() * value.element_size() <= len(data)
        value.clone().to(torch.float32).sum()
