"""What running processes write, and where to.

For proofs of zero storage, beside :mod:`tests.memory_search`::

    require_tracing()
    with traced_writes(pids) as trace:
        ...  # requests
    assert trace.stored() == []
    assert [name for pid in pids for name in files_open_for_writing(pid)] == []
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_ATTACH_SECONDS = 30
_SHARED = "/dev/shm/"
_STORING = (
    "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,truncate,"
    "ftruncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,mknod,mknodat"
)
"""The calls by which bytes or names get into a file; a file can be mapped for writing only once it is open."""

_CALL = re.compile(r"^\d+ +(\w+)\((.*)")
_TARGET = re.compile(r"^\d+<(.*?)>(?=[,) ]|$)")
_QUOTED = re.compile(r'"([^"]*)"')
_HARMLESS = ("socket:", "pipe:", "anon_inode:", "TCP:", "TCPv6:", "UNIX", "/dev/null", _SHARED)
_DUMP_FILTER = re.compile(r"^/proc/(self|\d+)/coredump_filter$")
"""A setting of the kernel: what processes forbid dumps with."""


@dataclass
class Trace:
    """What ``strace`` wrote, line by line; there once it has ended, for it keeps some lines back until then."""

    calls: str = ""

    def stored(self) -> list[str]:
        """The calls that may have stored something: anywhere but in sockets, pipes and shared memory."""
        return [line for line in self.calls.splitlines() if " = -1 E" not in line and _may_store(line)]


def _may_store(line: str) -> bool:
    matched = _CALL.match(line)
    if matched is None:  # the end of a call whose begin has been looked at, or a process that ended
        return False
    call, arguments = matched.groups()
    if call.startswith("open") and not re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", arguments):
        return False
    target = _TARGET.match(arguments)
    paths = [target.group(1)] if target and not call.startswith("open") else _QUOTED.findall(arguments)
    return not paths or not all(path.startswith(_HARMLESS) or _DUMP_FILTER.match(path) for path in paths)


@contextmanager
def traced_writes(pids: Collection[int]) -> Iterator[Trace]:
    """Trace every thread of these processes, and what they start, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="limner-trace-") as folder:
        trace, calls = Trace(), Path(folder) / "calls"
        command = ["strace", "-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e", f"trace={_STORING}"]
        command += ["-o", str(calls), *(word for pid in pids for word in ("-p", str(pid)))]
        tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _wait_for_tracer(tracer, pids)
            yield trace
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=_ATTACH_SECONDS)
            if calls.exists():
                trace.calls = calls.read_text("utf-8", "replace")


def _wait_for_tracer(tracer: subprocess.Popen[str], pids: Collection[int]) -> None:
    deadline = time.monotonic() + _ATTACH_SECONDS
    threads = [thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir()]
    while not all(f"TracerPid:\t{tracer.pid}\n" in (thread / "status").read_text() for thread in threads):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"strace cannot attach: {tracer.communicate()[1] if tracer.poll() else ''}")
        time.sleep(0.05)


def files_open_for_writing(pid: int) -> list[str]:
    """What a process could write to without opening it first, other than sockets, pipes and shared memory."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
            flags = int(Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().split("flags:")[1].split()[0], 8)
        except FileNotFoundError:  # closed in between
            continue
        if flags & os.O_ACCMODE != os.O_RDONLY and not target.startswith(_HARMLESS):
            found.append(target)
    return found


def require_tracing() -> None:
    """Skip the test, by name, where processes cannot be traced; fail where nothing may be skipped."""
    reason = _why_not()
    if reason and os.environ.get("LIMNER_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def _why_not() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "to trace processes and read their memory takes Linux and root"
    if shutil.which("strace") is None and shutil.which("apt-get") is not None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", "strace"]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)
    return None if shutil.which("strace") else "strace is missing: apt-get install strace"
