"""Which precision a model is exported to: what was asked for, what the model offers, what this machine runs fast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from limner.cpu import CPU_INFO, cpu_flags, winograd_obstacle
from limner.errors import SettingsError
from limner.settings import Settings

Precision = Literal["fp32", "fp16", "int8"]
Requested = Literal["auto", "fp32", "fp16", "int8"]
Profile = Literal["cpu", "gpu", "tensorrt"]

_INT8_INSTRUCTIONS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def runs_int8_fast(cpuinfo: Path = CPU_INFO) -> bool:
    """Whether this CPU multiplies 8-bit numbers faster than floats: VNNI or AMX."""
    return not _INT8_INSTRUCTIONS.isdisjoint(cpu_flags(cpuinfo))


@dataclass(frozen=True)
class Aim:
    """The precision to export to.

    Attributes:
        requested: the setting it follows from.
        precision: what is tried; the quality gate may still fall back to FP32.
        reason: one sentence where it is not the obvious consequence of ``requested``.
        plan: whether a TensorRT plan is built for the GPU of this machine too.
        no_winograd: why INT8 is not made for Limner's own kernel too, in networks that it runs; None: it is.
    """

    requested: Requested
    precision: Precision
    reason: str | None = None
    plan: bool = False
    no_winograd: str | None = "It was not asked for."


def aim_at(requested: Requested, offered: tuple[Precision, ...], profile: Profile, *, int8_is_fast: bool) -> Aim:
    """What ``requested`` means for a model that is offered in the precisions ``offered``.

    ``auto`` is INT8 on a CPU that is fast at it, and FP16 on a GPU; what a model does not offer becomes FP32.
    """
    if requested != "auto":
        wanted: Precision = requested
    elif profile != "cpu":
        wanted = "fp16"
    elif int8_is_fast:
        wanted = "int8"
    else:
        return Aim(requested, "fp32", "This CPU has neither VNNI nor AMX, so INT8 would not be faster.")
    if wanted in offered:
        return Aim(requested, wanted)
    return Aim(requested, "fp32", f"This model is not offered in {wanted.upper()}.")


def aim_of(settings: Settings, offered: tuple[Precision, ...]) -> Aim:
    """What the settings mean for a model on this machine."""
    aim = aim_at(settings.precision, offered, settings.profile, int8_is_fast=runs_int8_fast())
    if aim.precision == "int8":
        return replace(aim, no_winograd=winograd_obstacle(cpu_flags()))
    return replace(aim, plan=settings.profile == "tensorrt")


def check_servable(settings: Settings) -> None:
    """Refuse a precision that the profile has no form for.

    Raises:
        SettingsError: naming both variables.
    """
    impossible = "fp16" if settings.profile == "cpu" else "int8"
    if settings.precision == impossible:
        raise SettingsError(
            f"LIMNER_PRECISION={impossible} does not go with LIMNER_PROFILE={settings.profile}. "
            "On a CPU use auto, int8 or fp32; on a GPU auto, fp16 or fp32."
        )
