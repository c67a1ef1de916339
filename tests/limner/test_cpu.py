"""What is read off the kernel about the processor, and on which ones Limner's own kernel is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from limner.cpu import cpu_flags, usable_cores, winograd_obstacle

ZEN4 = "fpu avx2 avx512f avx512dq avx512bw avx512vl avx512_bf16 avx512_vnni"


def test_flags_are_those_of_the_first_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {ZEN4}\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert cpu_flags(tmp_path / "cpuinfo") == set(ZEN4.split())


def test_nothing_is_known_of_an_unreadable_processor(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "gone") == frozenset()
    (tmp_path / "cpuinfo").write_text("Processor : an ARM\n")
    assert cpu_flags(tmp_path / "cpuinfo") == frozenset()


@pytest.mark.parametrize("missing", ["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"])
def test_the_kernel_needs_every_one_of_its_instruction_sets(missing: str) -> None:
    flags = frozenset(ZEN4.split())
    assert winograd_obstacle(flags) is None
    assert "lacks AVX-512 with VNNI" in str(winograd_obstacle(flags - {missing}))


def test_openvino_is_preferred_where_there_is_amx() -> None:
    assert "AMX" in str(winograd_obstacle(frozenset([*ZEN4.split(), "amx_int8"])))


OURS = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, OURS),
        ({"cpu.max": "max 100000"}, OURS),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu.max": "6400000 100000"}, OURS),
        ({"cpu.max": "100000 0"}, OURS),
        ({"cpu.max": "a sentence of many words"}, OURS),
        ({"cpu.max": ""}, OURS),
        ({"system.slice/limner.service/cpu.max": "100000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, OURS),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/docker/7f/cpu.cfs_quota_us": "100000", "cpu/docker/7f/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000"}, OURS),
    ],
)
def test_cores_are_those_that_a_container_may_use(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    own = tmp_path / "own"
    own.write_text("0::/system.slice/limner.service\n4:cpu,cpuacct:/docker/7f\n")
    assert usable_cores(tmp_path, own) == cores


def test_there_is_always_a_core() -> None:
    assert 1 <= usable_cores() <= OURS
