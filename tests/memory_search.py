"""Where a photo's bytes are: in the memory of running processes, and in what they write.

For proofs of zero storage. Both look at processes from outside, for which it takes Linux and root; say
:func:`require_tracing` first::

    with traced_writes(pids) as trace:
        ...  # requests
    assert trace.stored() == []
    assert search(pids, {"photo": windows(photo), "pixels": windows(pixels.tobytes())}) == []

Photos of random noise serve best: none of their bytes is anywhere by accident, and they do not compress.
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

WINDOW = 64
"""Bytes of a needle. Of random noise, so many turn up nowhere by accident."""

_SHARED = "/dev/shm/"
_ATTACH_SECONDS = 30
_CHUNK = 16 << 20
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s*(.*)")


@dataclass(frozen=True)
class Region:
    """A mapping of a process's memory; ``name`` is a file, ``[heap]``, ``[stack]`` or empty where it is anonymous."""

    start: int
    end: int
    access: str
    name: str


@dataclass(frozen=True)
class Finding:
    """``count`` of the windows called ``what`` were in a mapping of a process."""

    pid: int
    program: str
    region: Region
    what: str
    count: int

    def __str__(self) -> str:
        return f"{self.what}: {self.count} windows in {self.region.name or 'anonymous memory'} of {self.program}"


def mappings(pid: int) -> list[Region]:
    """What a process can have written to: its own memory and shared memory, not its program's files."""
    regions = []
    for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
        matched = _LINE.match(line)
        assert matched is not None, line
        start, end, access, name = matched.groups()
        if access.startswith("rw") or name.startswith(_SHARED):
            regions.append(Region(int(start, 16), int(end, 16), access, name))
    return regions


def windows(data: bytes, count: int = 24) -> list[bytes]:
    """Pieces of ``WINDOW`` bytes, spread evenly, to search for. Those that hold next to nothing are left out."""
    step = max(1, (len(data) - WINDOW) // count)
    pieces = (data[start : start + WINDOW] for start in range(0, len(data) - WINDOW + 1, step))
    return [piece for piece in pieces if len(set(piece)) > WINDOW // 4]


def search(pids: Iterable[int], needles: Mapping[str, Collection[bytes]]) -> list[Finding]:
    """Every mapping of these processes that holds some of the needles (:func:`windows`), by their name."""
    return [finding for pid in pids for finding in _search_one(pid, needles)]


def _search_one(pid: int, needles: Mapping[str, Collection[bytes]]) -> list[Finding]:
    findings, finder, program = [], _Finder(needles), _program(pid)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(f"/proc/{pid}/pagemap", "rb") as pages:
        for region in mappings(pid):
            found: dict[str, set[bytes]] = {}
            for start, end in _touched(region, pages):
                for what, piece in finder.find(_read(memory.fileno(), start, end - start)):
                    found.setdefault(what, set()).add(piece)
            findings += [Finding(pid, program, region, what, len(pieces)) for what, pieces in found.items()]
    return findings


def _touched(region: Region, pages: BinaryIO) -> Iterator[tuple[int, int]]:
    """Stretches of a mapping that were ever written to; of shared memory all, since others write there too."""
    if region.name.startswith(_SHARED):
        yield from _overlapping(region.start, region.end)
        return
    pages.seek(region.start // mmap.PAGESIZE * 8)
    entries = np.frombuffer(pages.read((region.end - region.start) // mmap.PAGESIZE * 8), np.uint64)
    is_there = np.concatenate([[False], entries >> np.uint64(62) != 0, [False]])  # in memory, or swapped out
    edges = np.flatnonzero(is_there[1:] != is_there[:-1]) * mmap.PAGESIZE + region.start
    for first, last in edges.reshape(-1, 2):
        yield from _overlapping(int(first), int(last))


def _overlapping(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Pieces to read at once; a needle across the end of one is whole in it."""
    return ((start, min(last, start + _CHUNK + WINDOW)) for start in range(first, last, _CHUNK))


class _Finder:
    """Finds many needles in one pass: by a table of two telling bytes of each, then by their eight first."""

    def __init__(self, needles: Mapping[str, Collection[bytes]]) -> None:
        self._names = {piece: what for what, pieces in needles.items() for piece in pieces}
        self._heads = np.unique(np.frombuffer(b"".join(piece[:8] for piece in self._names), np.uint64))
        self._tables: dict[int, NDArray[np.bool_]] = {}
        for piece in self._names:
            offset = _telling(piece)
            table = self._tables.setdefault(offset, np.zeros(1 << 16, np.bool_))
            table[int.from_bytes(piece[offset : offset + 2], "little")] = True

    def find(self, held: bytes) -> Iterator[tuple[str, bytes]]:
        octets = np.frombuffer(held, np.uint8)
        for shift in (0, 1):
            pairs = np.frombuffer(held, "<u2", max(0, (len(held) - shift) // 2), shift)
            if not pairs.any():
                continue
            for offset, table in self._tables.items():
                places = np.flatnonzero(table[pairs]) * 2 + shift - offset
                places = places[(places >= 0) & (places <= len(held) - WINDOW)]
                heads = octets[places[:, None] + np.arange(8)].view(np.uint64).ravel()
                for place in places[np.isin(heads, self._heads)]:
                    piece = held[place : place + WINDOW]
                    if piece in self._names:
                        yield self._names[piece], piece


def _telling(piece: bytes) -> int:
    """Where two bytes lie that memory is not full of."""
    pairs = (offset for offset in range(WINDOW - 1) if len({0, 255, *piece[offset : offset + 2]}) == 4)
    return next(pairs, 0)


def _read(memory: int, start: int, size: int) -> bytes:
    try:
        return os.pread(memory, size, start)
    except OSError:
        return b""  # mapped, but beyond the end of its file


def _program(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return " ".join(word.decode("utf-8", "replace") for word in command[:2])


_STORING = (
    "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,truncate,"
    "ftruncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,mknod,mknodat"
)
"""The calls by which bytes or names get into a file; a file can be mapped for writing only once it is open."""

_CALL = re.compile(r"^\d+ +(\w+)\((.*)")
_TARGET = re.compile(r"^\d+<(.*?)>(?=[,) ]|$)")
_QUOTED = re.compile(r'"([^"]*)"')
_HARMLESS = ("socket:", "pipe:", "anon_inode:", "TCP:", "TCPv6:", "UNIX", "/dev/null", _SHARED)


@dataclass(frozen=True)
class Trace:
    """What ``strace`` wrote, line by line."""

    file: Path

    def stored(self) -> list[str]:
        """The calls that may have stored something: anywhere but in sockets, pipes and shared memory."""
        lines = self.file.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if " = -1 E" not in line and _may_store(line)]


def _may_store(line: str) -> bool:
    matched = _CALL.match(line)
    if matched is None:  # the end of a call whose begin has been looked at, or a process that ended
        return False
    call, arguments = matched.groups()
    if call.startswith("open") and not re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", arguments):
        return False
    target = _TARGET.match(arguments)
    paths = [target.group(1)] if target and not call.startswith("open") else _QUOTED.findall(arguments)
    return not paths or not all(path.startswith(_HARMLESS) for path in paths)


@contextmanager
def traced_writes(pids: Collection[int]) -> Iterator[Trace]:
    """Trace every thread of these processes, and what they start, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="limner-trace-") as folder:
        trace = Trace(Path(folder) / "calls")
        command = ["strace", "-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e", f"trace={_STORING}"]
        command += ["-o", str(trace.file), *(word for pid in pids for word in ("-p", str(pid)))]
        tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _wait_for_tracer(tracer, pids)
            yield trace
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=_ATTACH_SECONDS)


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
            target = os.readlink(descriptor)
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
        quiet = {"check": False, "stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "-qq", "update"], **quiet)
        subprocess.run(["apt-get", "-qq", "install", "-y", "strace"], **quiet)
    return None if shutil.which("strace") else "strace is missing: apt-get install strace"
