from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from gateway.memory_limit import memory_limit

MACHINE = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("own", "file", "text", "limit"),
    [
        ("0::/\n", "memory.max", "1000000\n", 1_000_000),
        ("0::/\n", "memory.max", "max\n", MACHINE),
        ("0::/system.slice/limner.service\n", "system.slice/limner.service/memory.max", "2000000\n", 2_000_000),
        ("9:cpu,memory:/docker/1\n", "memory/docker/1/memory.limit_in_bytes", "3000000\n", 3_000_000),
        ("9:memory:/docker/1\n", "memory/memory.limit_in_bytes", "4000000\n", 4_000_000),
        ("9:memory:/\n", "memory/memory.limit_in_bytes", "9223372036854771712\n", MACHINE),
    ],
)
def test_least_limit_counts(tmp_path: Path, own: str, file: str, text: str, limit: int) -> None:
    groups, group = tmp_path / "cgroup", tmp_path / "self"
    (groups / file).parent.mkdir(parents=True)
    (groups / file).write_text(text)
    group.write_text(own)
    assert memory_limit(groups, group) == limit


def test_without_control_groups(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "none", tmp_path / "none") == MACHINE


def test_here() -> None:
    assert 2**20 < memory_limit() <= MACHINE
