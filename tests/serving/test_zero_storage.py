"""Zero storage inside Triton: what its processes write, what their memory holds afterwards, what a crash leaves."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from PIL import Image

from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT, Settings
from limner.undumpable import SCRUBBING
from serving.preload import write_library
from serving.process import Endpoint, free_port
from serving.runtime_folder import RuntimeFolder
from serving.supervisor import Supervisor
from tests.conftest import enhancing
from tests.memory_search import search, windows
from tests.model_repository.identity import furnish, restorer, stand_ins
from tests.write_trace import files_open_for_writing, require_tracing, traced_writes

pytest_plugins = ["tests.model_repository.identity_servers"]

REQUESTS = {
    "lanczos": ((160, 120), {"background": "lanczos", "restorer": "none", "output_format": "png"}),
    "lanczos of three megapixels": (
        (2000, 1500),
        {"background": "lanczos", "restorer": "none", "output_format": "jpeg"},
    ),
    "background network": ((200, 150), {"background": "swinir", "restorer": "none", "output_format": "png"}),
    "face network": ((512, 512), {"aligned": True, "restorer": "gfpgan", "output_format": "png"}),
}
"""Size of the photo and options. Every model has its part in one of them."""


@pytest.fixture(scope="module")
def server(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A server that sends itself no canary, which would overwrite what a photo left."""
    settings = Settings(data=tmp_path_factory.mktemp("zero"), canary_interval=3600)
    networks = {"gfpgan": restorer(), "swinir_m_x4": stand_ins()["swinir_m_x4"]}
    furnish(settings.models_dir, detector, networks)
    with Supervisor(settings, Endpoint(free_port(), free_port())) as running:
        yield running


def processes(server: Supervisor) -> list[int]:
    assert server.process is not None
    stubs = server.process.stub_pids()
    assert len(stubs) > 8
    return [server.process.pid, *sorted(stubs)]


def noise(size: tuple[int, int], seed: int) -> tuple[UInt8, bytes]:
    """Pixels that are nowhere by accident, and their PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return pixels, encoded.getvalue()


def traces(pixels: UInt8, photo: bytes, result: bytes) -> dict[str, list[bytes]]:
    """What to search for: both files, and the pixels in the forms that steps and networks use."""
    enhanced = np.asarray(Image.open(io.BytesIO(result)).convert("RGB"))
    return {
        "the photo": windows(photo),
        "its pixels": windows(pixels.tobytes()),
        "its pixels as BGR": windows(pixels[..., ::-1].tobytes()),
        "its pixels as floats": windows(pixels.astype(np.float32).tobytes()),
        "its red plane": windows(pixels[..., 0].tobytes()),
        "its red plane as floats": windows(pixels[..., 0].astype(np.float32).tobytes()),
        "the result": windows(result),
        "the result's pixels": windows(enhanced.tobytes()),
        "the result's pixels as BGR": windows(enhanced[..., ::-1].tobytes()),
    }


@pytest.mark.parametrize("name", REQUESTS)
def test_nothing_of_a_photo_stays_in_memory(server: Supervisor, name: str) -> None:
    """Neither in Triton and its models nor in the memory they share, once the client has closed its connection."""
    require_tracing()
    size, options = REQUESTS[name]
    pixels, photo = noise(size, seed=len(name))
    with triton.InferenceServerClient(server.endpoint.url) as client:
        result, _ = enhancing(client)(photo, options)
    time.sleep(0.5)  # Triton's threads free what they sent a little after the client has it
    assert [*map(str, search(processes(server), traces(pixels, photo, result)))] == []


def test_a_connection_that_stays_open_keeps_a_part_in_triton_alone(server: Supervisor) -> None:
    """gRPC reads into a block that lives until the connection has read on or is closed: part of the last photo."""
    require_tracing()
    pixels, photo = noise((160, 120), seed=77)
    with triton.InferenceServerClient(server.endpoint.url) as client:
        result, _ = enhancing(client)(photo, {"background": "lanczos", "restorer": "none", "output_format": "png"})
        time.sleep(0.5)
        found = search(processes(server), traces(pixels, photo, result))
    assert server.process is not None
    assert {(finding.pid, finding.region.name.startswith("/dev/shm")) for finding in found} <= {
        (server.process.pid, False)
    }
    assert "the result" not in {finding.what for finding in found}


def test_results_do_not_depend_on_what_was_overwritten(server: Supervisor) -> None:
    """The same photo again, after others and by many at once: byte for byte the same."""
    size, options = REQUESTS["face network"]
    _, photo = noise(size, seed=5)
    _, other = noise(size, seed=6)
    with triton.InferenceServerClient(server.endpoint.url) as client:
        enhance = enhancing(client)
        first, _ = enhance(photo, options)
        assert enhance(other, options)[0] != first
        assert enhance(photo, options)[0] == first


def test_nothing_is_written_but_to_sockets_pipes_and_shared_memory(server: Supervisor) -> None:
    require_tracing()
    pids = processes(server)
    with traced_writes(pids) as trace, triton.InferenceServerClient(server.endpoint.url) as client:
        for size, options in REQUESTS.values():
            enhancing(client)(noise(size, seed=9)[1], options)
        with pytest.raises(triton.InferenceServerException):  # a refusal is logged no differently
            enhancing(client)(b"\xff\xd8\xff" + bytes(100), {})
    assert "write(" in trace.calls or "writev(" in trace.calls
    assert trace.stored() == []
    assert [name for pid in pids for name in files_open_for_writing(pid)] == []


def test_traces_tell_of_files(tmp_path: Path) -> None:
    """Whether the two helpers would have found something."""
    require_tracing()
    secret = np.random.default_rng(3).bytes(5000)
    script = (
        "import sys; held = sys.stdin.buffer.read(5000); print('held', flush=True); sys.stdin.buffer.read(1);"
        f"open({str(tmp_path / 'photo')!r}, 'wb').write(held); print('done', flush=True); sys.stdin.buffer.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(secret)
        child.stdin.flush()
        child.stdout.readline()
        (found,) = search([child.pid], {"secret": windows(secret)})
        assert found.count == len(windows(secret))
        with traced_writes([child.pid]) as trace:
            child.stdin.write(b"x")
            child.stdin.flush()
            child.stdout.readline()
        child.stdin.close()
    assert [line.split("(")[0].split()[-1] for line in trace.stored()] == ["openat", "write"]


def test_every_process_of_triton_is_guarded(server: Supervisor) -> None:
    for pid in processes(server):
        assert "guards.so" in Path(f"/proc/{pid}/maps").read_text()
        assert psutil.Process(pid).rlimit(resource.RLIMIT_CORE)[1] <= 1
        assert int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16) == 0
        # glibc itself parts what it has read with zeros, in this view of it.
        assert all(part.encode() in Path(f"/proc/{pid}/environ").read_bytes() for part in SCRUBBING.split(":"))


_CRASH = """
import ctypes, os, resource
_, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), hard, flush=True)  # PR_GET_DUMPABLE
os.kill(os.getpid(), 11)
"""


def _allow_cores() -> None:
    """In a child: what ran before in this process may have lowered the limit that it inherits."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def crash(folder: Path, *before: str, library: Path | None = None) -> tuple[bool, list[str]]:
    """Whether the kernel dumped the core of a program that ``before`` starts; and what it said of itself."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    if library is not None:
        environment["LD_PRELOAD"] = str(library)
    command = [*before, sys.executable, "-c", _CRASH]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_allow_cores,  # noqa: PLW1509 - no thread of this process holds a lock that it needs
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read().split()
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    assert ended.si_status == signal.SIGSEGV
    return ended.si_code == os.CLD_DUMPED, said


def launcher(library: str) -> list[str]:
    return [sys.executable, "-m", "serving.launch", str(os.getpid()), library]


def test_a_crash_leaves_no_core_dump(tmp_path: Path) -> None:
    """Each of the two guards is enough, and without them there would be one."""
    library = tmp_path / "guards.so"
    write_library(library)
    dumped, (_, limit) = crash(tmp_path)
    if not dumped:
        pytest.skip("this machine dumps no core at all (ulimit -Hc, kernel.core_pattern)")
    for core in tmp_path.glob("core*"):
        core.unlink()
    assert crash(tmp_path, library=library) == (False, ["0", limit])
    assert crash(tmp_path, *launcher("")) == (False, ["1", "1"])
    assert crash(tmp_path, *launcher(str(library))) == (False, ["0", "1"])
    assert [path.name for path in tmp_path.iterdir()] == ["guards.so"]


def test_a_crash_of_triton_or_a_stub_leaves_no_file(tmp_path: Path) -> None:
    before = {path.name for path in PROJECT_ROOT.iterdir()}
    with Supervisor(Settings(data=tmp_path), Endpoint(free_port(), free_port())) as small:
        process = small.process
        assert process is not None
        for pid in (*process.stub_pids(), process.pid):
            os.kill(pid, signal.SIGSEGV)
        psutil.wait_procs([psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else [], timeout=30)
    assert {path.name for path in PROJECT_ROOT.iterdir()} - before == set()


def test_flags_of_cancelled_photos_go_with_their_server(tmp_path: Path) -> None:
    with Supervisor(Settings(data=tmp_path), Endpoint(free_port(), free_port())) as small:
        assert small.process is not None
        stub = min(small.process.stub_pids())
        mine, others = (Path(f"/dev/shm/limner_cancelled_{pid:08x}{'0' * 24}") for pid in (stub, os.getpid()))
        mine.touch()
        others.touch()
    try:
        assert not mine.exists()
        assert others.exists()
    finally:
        others.unlink()


def test_shared_memory_of_a_dead_server_is_removed_at_the_next_start(tmp_path: Path) -> None:
    """A server that is killed with its parent cannot do it itself."""
    settings = Settings(data=tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = settings.run_dir / f"{dead.pid}-0a1b2c3d"
    folder.mkdir(parents=True)
    left = Path(f"/dev/shm/{RuntimeFolder(folder).shared_memory_prefix}region")
    left.touch()
    with Supervisor(settings, Endpoint(free_port(), free_port())):
        assert not left.exists()
        assert not folder.exists()
