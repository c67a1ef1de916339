"""Folders of servers that were killed are removed at the next start, whoever has their process's id by then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.catalog import CATALOG_FILE, DamagedCatalog
from limner.errors import ServingError
from limner.settings import PROJECT_ROOT
from serving.assemble import assemble
from serving.locate import locate_triton
from serving.runtime_folder import RuntimeFolder, make_folder, remove_stale
from tests.serving.native_triton import lay_out

KILLED = (
    "import os, sys; from pathlib import Path; from serving.runtime_folder import make_folder;"
    "folder = make_folder(Path(sys.argv[1]), None); folder.note_stubs([int(sys.argv[2])]);"
    "print(folder.root, flush=True); os.kill(os.getpid(), 9)"
)


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def left(gone: int) -> Iterator[list[Path]]:
    """Files of a test in shared memory."""
    files = [Path(f"/dev/shm/limner_cancelled_{gone:08x}{'0' * 24}")]
    yield files
    for file in files:
        file.unlink(missing_ok=True)


def killed(run_dir: Path, stub: int) -> RuntimeFolder:
    """The folder of a process that was killed; in a container, the next one has its id: 1, or that of this test."""
    command = [sys.executable, "-c", KILLED, str(run_dir), str(stub)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT, check=False)
    root = Path(ended.stdout.strip())
    return RuntimeFolder(root.rename(run_dir / f"{os.getpid()}-{root.name.partition('-')[2]}"))


def test_what_a_killed_process_left_goes_though_its_id_lives(tmp_path: Path, gone: int, left: list[Path]) -> None:
    folder = killed(tmp_path, gone)
    left.append(Path(f"/dev/shm/{folder.shared_memory_prefix}region"))
    for file in left:
        file.touch()
    remove_stale(tmp_path)
    assert not folder.root.exists()
    assert not [file for file in left if file.exists()]


def test_a_child_that_outlives_a_killed_process_does_not_hold_its_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, None)
    command = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
    with subprocess.Popen(command, close_fds=False, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        folder.lock.close()  # as the kernel does for a process that is killed
        remove_stale(tmp_path)
        child.kill()
    assert not folder.root.exists()


def test_a_folder_in_use_stays(tmp_path: Path, gone: int) -> None:
    """Also that of another container on the same volume, whose process has no id here."""
    mine = make_folder(tmp_path, None)
    elsewhere = make_folder(tmp_path, None)
    elsewhere.root.rename(tmp_path / f"{gone}-0a1b2c3d")
    remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine.root, tmp_path / f"{gone}-0a1b2c3d"])
    elsewhere.lock.close()
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == [mine.root]
    mine.remove()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_locked_before_another_start_can_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    lock = fcntl.flock

    def another_start_comes_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        remove_stale(tmp_path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", another_start_comes_first)
    folder = make_folder(tmp_path, None)
    assert folder.root.is_dir()
    folder.remove()


def test_without_a_lock_the_id_tells(tmp_path: Path, gone: int) -> None:
    """Older Limners made none. What has this process's id cannot be one's that lives."""
    for name in (f"{gone}-0a1b2c3d", f"{os.getpid()}-0a1b2c3d", f"{os.getppid()}-0a1b2c3d", "notes-1"):
        (tmp_path / name).mkdir()
    remove_stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{os.getppid()}-0a1b2c3d", "notes-1"}


def test_what_cannot_be_put_together_is_not_left_half_made(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / CATALOG_FILE).write_text("{")
    with pytest.raises(DamagedCatalog, match="cannot be read"):
        assemble(tmp_path / "run", locate_triton(lay_out(tmp_path / "triton")), tmp_path / "models", "cpu")
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_that_cannot_be_locked_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(ServingError, match=r"No locks available.*LIMNER_DATA"):
        assemble(tmp_path / "run", locate_triton(lay_out(tmp_path / "triton")), tmp_path / "models", "cpu")
    assert not list((tmp_path / "run").iterdir())
