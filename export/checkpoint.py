"""Loads published checkpoints: tensors only, whatever else a pickle may ask for."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch

from export.architectures.common import StateDict
from limner.errors import CheckpointMismatch

_PARALLEL_PREFIX = "module."
_COMMON_KEYS = ("params_ema", "params", "state_dict")


def load_checkpoint(path: Path, keys: tuple[str, ...]) -> StateDict:
    """The state dict in ``path``, on the CPU, without the prefix that ``DataParallel`` leaves.

    Args:
        path: a file written by ``torch.save``.
        keys: entries that may hold the state dict, best first; those that other training code uses are tried after
            them, then the file itself.

    Raises:
        CheckpointMismatch: naming the file, where it is truncated, holds code or anything but tensors.
    """
    content = _load_tensors(path)
    if isinstance(content, Mapping):
        content = next((content[key] for key in (*keys, *_COMMON_KEYS) if key in content), content)
    if not isinstance(content, Mapping) or not content:
        raise CheckpointMismatch(f"{path.name} holds no state dict. Put the official file in its place.")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise CheckpointMismatch(
                f"{path.name} holds {str(key)[:40]!r}, which is no tensor. Put the official file in its place."
            )
        # A view may claim any shape of a single stored value.
        if value.layout != torch.strided or value.numel() * value.element_size() > path.stat().st_size:
            raise CheckpointMismatch(
                f"{path.name} claims more values of {key[:40]!r} than it holds. Put the official file in its place."
            )
    return {key.removeprefix(_PARALLEL_PREFIX): value for key, value in content.items()}


def _load_tensors(path: Path) -> object:
    try:
        _refuse_compression(path)
        return cast("object", torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError:
        raise CheckpointMismatch(
            f"{path.name} is no checkpoint, or asks for code to be run, which Limner never does. "
            "Put the official file in its place, or save your own with torch.save(network.state_dict(), …)."
        ) from None
    except CheckpointMismatch:
        raise
    except FileNotFoundError:
        raise CheckpointMismatch(f"{path.name} does not exist.") from None
    except Exception as error:  # a damaged file makes the archive and pickle readers raise many kinds
        raise CheckpointMismatch(
            f"{path.name} is damaged or cut short ({type(error).__name__}). Delete it and fetch it again."
        ) from None


def _refuse_compression(path: Path) -> None:
    """``torch.save`` stores everything as it is; what is packed could unpack to more than the memory holds."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(item.compress_type != zipfile.ZIP_STORED for item in archive.infolist()):
                raise CheckpointMismatch(f"{path.name} is packed. Save it with torch.save(network.state_dict(), …).")


def save_checkpoint(state: StateDict, path: Path, key: str | None = "params_ema") -> None:
    """Write ``state`` in the official layout: under ``key``, or bare where ``key`` is None."""
    torch.save({key: state} if key else state, path)
