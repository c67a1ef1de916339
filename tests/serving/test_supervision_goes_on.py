"""Whatever goes wrong in a restart, the next one is tried; an end of the supervision has a reason. No Triton runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from limner.settings import Settings
from serving.locate import locate_triton
from serving.process import Endpoint, TritonProcess
from serving.runtime_folder import RuntimeFolder, make_folder
from serving.supervisor import Supervisor
from tests.serving.native_triton import lay_out

SECONDS = 30.0


class Server:
    """Stands for a server; ``ended`` is set to have it end."""

    def __init__(self, folder: RuntimeFolder) -> None:
        self.folder = folder
        self.ended = False
        self.killed = False

    @property
    def exit_code(self) -> int | None:
        return 1 if self.ended else None

    def stub_pids(self) -> set[int]:
        return set()

    def stop(self) -> None:
        self.killed = True

    kill = stop


class Launches:
    """What :class:`TritonProcess` is replaced with: the ``faults`` come first, one a restart."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.faults: list[Exception] = []
        self.launched = threading.Semaphore(0)

    def __call__(self, _installation: object, folder: RuntimeFolder, *_: object) -> Server:
        if self.faults:
            raise self.faults.pop(0)
        self.servers.append(Server(folder))
        self.launched.release()
        return self.servers[-1]


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    made = Launches()
    monkeypatch.setattr("serving.supervisor.TritonProcess", made)
    for name in ("is_ready", "check_tensors", "send_canary"):
        monkeypatch.setattr(f"serving.supervisor.{name}", lambda *_: True)
    monkeypatch.setattr("serving.supervisor._BACKOFF_SECONDS", (0.0, 0.0))
    monkeypatch.setattr("serving.supervisor._POLL", 0.01)
    return made


Start = Callable[..., Supervisor]


@pytest.fixture
def start(tmp_path: Path, launches: Launches) -> Iterator[Start]:
    home = lay_out(tmp_path / "triton")
    running: list[Supervisor] = []

    def begin(say: Callable[[str], None] = lambda _: None, *, restart: bool = True) -> Supervisor:
        settings = Settings(data=tmp_path / "data", triton_home=home)
        running.append(Supervisor(settings, Endpoint(1, 2), say, restart=restart))
        running[-1].start()
        assert launches.launched.acquire(timeout=SECONDS)
        return running[-1]

    yield begin
    for supervisor in running:
        supervisor.stop()


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), RuntimeError("can't start new thread"), MemoryError()]
)
def test_a_restart_that_cannot_be_made_is_tried_again(start: Start, launches: Launches, fault: Exception) -> None:
    supervisor = start()
    launches.faults = [fault, fault]
    launches.servers[0].ended = True
    assert launches.launched.acquire(timeout=SECONDS)
    assert supervisor.restarts == 3
    assert launches.servers[0].killed


def test_a_broken_standard_output_changes_nothing(start: Start, launches: Launches) -> None:
    def broken(_line: str) -> None:
        raise BrokenPipeError

    start(broken)
    for server in range(2):
        launches.servers[server].ended = True
        assert launches.launched.acquire(timeout=SECONDS)


def test_traces_that_cannot_be_removed_change_nothing(
    start: Start, launches: Launches, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_server: Server) -> None:
        raise PermissionError

    start()
    monkeypatch.setattr(Server, "kill", refused)
    launches.servers[0].ended = True
    assert launches.launched.acquire(timeout=SECONDS)


def test_a_folder_that_was_tidied_away_is_made_anew(start: Start, launches: Launches, tmp_path: Path) -> None:
    import shutil

    supervisor = start()
    shutil.rmtree(tmp_path / "data" / "run")
    launches.servers[0].ended = True
    assert launches.launched.acquire(timeout=SECONDS)
    first, second = launches.servers
    assert not first.folder.root.exists()
    assert (second.folder.models / "face_enhance").is_dir()
    supervisor.stop()
    assert not list((tmp_path / "data" / "run").iterdir())


def unwatched(_server: Server) -> set[int]:
    raise OSError(24, "Too many open files")


def test_a_server_that_cannot_be_watched_is_restarted(
    start: Start, launches: Launches, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Server, "stub_pids", unwatched)
        start()
        assert launches.launched.acquire(timeout=SECONDS)


def test_or_ends_with_a_reason(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "stub_pids", unwatched)
    assert "Too many open files" in (start(restart=False).wait() or "")


def test_a_supervision_that_fails_has_a_reason(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise LookupError("lost")

    monkeypatch.setattr(Supervisor, "_watch", fails)
    assert start(restart=False).wait() == "its supervisor failed (lost)."


def test_told_to_stop_it_has_no_reason(start: Start) -> None:
    supervisor = start(restart=False)
    supervisor.stop()
    assert supervisor.wait() is None


def test_a_server_whose_log_nobody_can_read_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread may be had: what runs by then would hold the port, and no restart could."""
    begun: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def begin(_command: list[str], **options: object) -> subprocess.Popen[str]:
        begun.append(popen([sys.executable, "-c", "import time; time.sleep(600)"], **options))  # type: ignore[call-overload]
        return begun[-1]

    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    installation = locate_triton(lay_out(tmp_path / "triton"))
    folder = make_folder(tmp_path / "run", None)
    folder.backends.mkdir()
    monkeypatch.setattr("serving.process.subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": begin}))
    monkeypatch.setattr("serving.process.threading.Thread.start", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        TritonProcess(installation, folder, Endpoint(1, 2), "cpu")
    assert begun[0].returncode is not None
    folder.remove()
