"""The library that Triton is started with: its segments of shared memory are for its owner alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from limner.errors import SettingsError
from limner.settings import PROJECT_ROOT
from serving.preload import write_library
from serving.supervisor import Supervisor
from tests.conftest import Enhance
from tests.model_repository.photos import encode

FIRST_SIZE = 8 << 20
"""Bytes of a segment that has not grown yet."""

_MODES = """
import errno, os
file = os.open("made", os.O_CREAT | os.O_RDWR, 0o666)
for mode in 0o644, 0o755, 0o4777, 0o077, 0o400:
    os.fchmod(file, mode)
    print(oct(os.fstat(file).st_mode & 0o7777))
os.close(file)
try:
    os.fchmod(file, 0o600)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def said_by(folder: Path, *command: str, **environment: str) -> list[str]:
    """What a program that runs in ``folder`` writes, in words."""
    added = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **environment}
    return subprocess.run(command, cwd=folder, env=added, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "guards.so"
    write_library(path)
    return path


def test_fchmod_leaves_the_owners_bits_only(library: Path) -> None:
    ours = said_by(library.parent, sys.executable, "-c", _MODES, LD_PRELOAD=str(library))
    assert ours == ["0o600", "0o700", "0o700", "0o0", "0o400", "EBADF"]
    plain = said_by(library.parent, sys.executable, "-c", _MODES)
    assert plain == ["0o644", "0o755", "0o4777", "0o77", "0o400", "EBADF"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_is_made_after_the_launch_is_for_the_owner_from_its_first_moment(library: Path, umask: int) -> None:
    """Whoever opened a segment between its making and its ``fchmod`` could go on to read it."""
    script = (
        "import os; held = os.open('made', os.O_CREAT | os.O_RDWR, 0o644); print(oct(os.fstat(held).st_mode & 0o7777))"
    )
    before = os.umask(umask)
    try:
        said = said_by(
            library.parent,
            *(sys.executable, "-m", "serving.launch", str(os.getpid()), str(library)),
            *(sys.executable, "-c", script),
        )
    finally:
        os.umask(before)
    assert said == ["0o600"]


@pytest.mark.parametrize("name", ["a folder", "a:folder"])
def test_a_path_that_the_loader_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="LIMNER_DATA"):
        write_library(tmp_path / name / "guards.so")


def test_every_segment_of_a_server_is_for_its_owner_alone(supervisor: Supervisor, enhance: Enhance) -> None:
    """Those of all models, and those that grew with a photo."""
    assert supervisor.process is not None
    noise = np.random.default_rng(8).integers(0, 256, (1500, 2000, 3), np.uint8)
    enhance(encode(noise, "JPEG"), {"background": "lanczos", "restorer": "none", "output_format": "jpeg"})
    (prefix,) = {
        word.partition("=")[2].partition("=")[2]
        for word in psutil.Process(supervisor.process.pid).cmdline()
        if ",shm-region-prefix-name=" in word
    }
    segments = [path.stat() for path in Path("/dev/shm").glob(f"{prefix}*")]
    assert len(segments) >= len(supervisor.process.stub_pids()) > 8
    assert max(segment.st_size for segment in segments) > FIRST_SIZE
    assert {oct(segment.st_mode & 0o7777) for segment in segments} == {"0o600"}
