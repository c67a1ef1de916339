"""What is read off the kernel about the processor, and on which ones Limner's own kernel is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.cpu import cpu_flags, winograd_obstacle

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
