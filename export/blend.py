"""Interpolates between two checkpoints of one network.

Real-ESRGAN general-x4v3 is published twice, trained to remove much noise and little ("wdn"). ``-dn`` of upstream's
``inference_realesrgan.py`` mixes their weights (``RealESRGANer.dni``, realesrgan 0.3.0), and so does
``limner export realesr_general_x4v3 --denoise``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from limner.errors import CheckpointMismatch, WeightsError

if TYPE_CHECKING:
    from export.architectures.common import StateDict

WEAK_DENOISERS: Final[Mapping[str, str]] = {"realesr-general-x4v3.pth": "realesr-general-wdn-x4v3.pth"}
"""For each official file that can be blended, the one of the same network that removes little noise."""


def weak_denoiser(file: str) -> str:
    """The official file that ``file`` can be blended with.

    Raises:
        WeightsError: where there is none.
    """
    if file not in WEAK_DENOISERS:
        possible = ", ".join(name.rpartition(".")[0] for name in WEAK_DENOISERS)
        raise WeightsError(
            f"{file} has no second checkpoint to blend with, so its denoising cannot be set. This can: {possible}."
        )
    return WEAK_DENOISERS[file]


def blend(strong: StateDict, weak: StateDict, denoise: float, origins: tuple[str, str]) -> StateDict:
    """``denoise`` · strong + (1 - ``denoise``) · weak, entry by entry, in FP32.

    Args:
        strong, weak: state dicts of the same network.
        denoise: 0 to 1.
        origins: their names, for the error.

    Raises:
        CheckpointMismatch: where keys or shapes differ.
    """
    odd = sorted(strong.keys() ^ weak.keys())
    odd += [key for key in strong if key in weak and strong[key].shape != weak[key].shape]
    if odd:
        raise CheckpointMismatch(
            f"{origins[0]} and {origins[1]} are not of the same network: they differ in {odd[0]}. "
            "Put the official files in their place."
        )
    return {key: denoise * value.float() + (1 - denoise) * weak[key].float() for key, value in strong.items()}
