"""Where a photo's bytes are in the memory of running processes.

For proofs of zero storage, beside :mod:`tests.write_trace`. It looks at processes from outside, for which it takes
Linux and root; say :func:`tests.write_trace.require_tracing` first::

    found = search(pids, {"photo": windows(photo), "pixels": windows(pixels.tobytes())})
    assert [*map(str, found)] == []

Photos of random noise serve best: none of their bytes is anywhere by accident, and they do not compress.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

WINDOW = 64
"""Bytes of a needle. Of random noise, so many turn up nowhere by accident."""

_SHARED = "/dev/shm/"
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
    process = Path(f"/proc/{pid}")
    with (process / "mem").open("rb", buffering=0) as memory, (process / "pagemap").open("rb") as pages:
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
