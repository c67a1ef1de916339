"""What a precision comes to: the setting, what the model offers, what the machine is fast at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from export.models import ALL_PRECISIONS, FLOAT_PRECISIONS, MODELS
from export.precisions import Aim, Precision, Profile, Requested, aim_at, aim_of, check_servable, runs_int8_fast
from limner.errors import SettingsError
from limner.settings import Settings

CPUINFO = "processor\t: 0\nflags\t\t: fpu avx2 {}\n\nprocessor\t: 1\n"
SLOW = "This CPU has neither VNNI nor AMX, so INT8 would not be faster."


@pytest.mark.parametrize(
    ("requested", "offered", "profile", "fast", "aim"),
    [
        ("auto", ALL_PRECISIONS, "cpu", True, Aim("auto", "int8")),
        ("auto", ALL_PRECISIONS, "cpu", False, Aim("auto", "fp32", SLOW)),
        ("auto", FLOAT_PRECISIONS, "cpu", True, Aim("auto", "fp32", "This model is not offered in INT8.")),
        ("auto", ALL_PRECISIONS, "gpu", True, Aim("auto", "fp16")),
        ("auto", FLOAT_PRECISIONS, "tensorrt", False, Aim("auto", "fp16")),
        ("int8", ALL_PRECISIONS, "cpu", False, Aim("int8", "int8")),
        ("int8", FLOAT_PRECISIONS, "cpu", True, Aim("int8", "fp32", "This model is not offered in INT8.")),
        ("fp16", ALL_PRECISIONS, "cpu", True, Aim("fp16", "fp16")),
        ("fp32", ALL_PRECISIONS, "gpu", True, Aim("fp32", "fp32")),
    ],
)
def test_what_a_setting_comes_to(
    requested: Requested, offered: tuple[Precision, ...], profile: Profile, fast: bool, aim: Aim
) -> None:
    assert aim_at(requested, offered, profile, int8_is_fast=fast) == aim


@pytest.mark.parametrize(
    ("flags", "fast"), [("avx512_vnni", True), ("avx_vnni", True), ("amx_int8", True), ("avx512f avx512_bf16", False)]
)
def test_instructions_are_read_off_the_kernel(flags: str, fast: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags))
    assert runs_int8_fast(tmp_path / "cpuinfo") is fast


def test_unknown_processor_is_taken_for_slow(tmp_path: Path) -> None:
    assert not runs_int8_fast(tmp_path / "gone")
    (tmp_path / "cpuinfo").write_text("Processor : an ARM\n")
    assert not runs_int8_fast(tmp_path / "cpuinfo")


def test_settings_of_this_machine(make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.precisions.runs_int8_fast", lambda: True)
    monkeypatch.setattr("export.precisions.winograd_obstacle", lambda _: "It is too old.")
    assert aim_of(make_settings(precision="auto"), ALL_PRECISIONS) == Aim("auto", "int8", no_winograd="It is too old.")
    monkeypatch.setattr("export.precisions.winograd_obstacle", lambda _: None)
    assert aim_of(make_settings(precision="auto"), ALL_PRECISIONS) == Aim("auto", "int8", no_winograd=None)
    assert aim_of(make_settings(precision="auto", profile="gpu"), ALL_PRECISIONS) == Aim("auto", "fp16")


@pytest.mark.parametrize("profile", ["cpu", "gpu", "tensorrt"])
def test_each_profile_refuses_one_precision(profile: str, make_settings: Callable[..., Settings]) -> None:
    refused = "fp16" if profile == "cpu" else "int8"
    for precision in {"auto", "fp32", "fp16", "int8"} - {refused}:
        check_servable(make_settings(profile=profile, precision=precision))
    with pytest.raises(SettingsError, match=rf"LIMNER_PRECISION={refused} .*LIMNER_PROFILE={profile}"):
        check_servable(make_settings(profile=profile, precision=refused))


def test_fp32_is_always_offered() -> None:
    assert all("fp32" in spec.precisions for spec in MODELS)
