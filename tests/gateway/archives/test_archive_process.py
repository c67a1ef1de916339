"""The process that unpacks: what it may do, and that it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gateway.archives import unpack as unpack_module
from gateway.archives.entries import Photo
from gateway.archives.limits import Limits
from gateway.archives.unpack import opened
from limner.errors import ArchiveTooLarge, InputError, LimnerError, QueueFull, UnsafeArchive
from limner.settings import PROJECT_ROOT, Settings
from tests.gateway.archives.conftest import Unpack
from tests.gateway.archives.making import photo, rar_of, zip_of


def stored_rar_of(entries: Iterable[tuple[str, bytes]]) -> bytearray:
    return rar_of(entries, store=True)


Make = Callable[[Iterable[tuple[str, bytes]]], bytearray]
THREE = [(f"{n}.jpg", photo(n)) for n in range(3)]


def is_running(process_id: int) -> bool:
    """A process that nobody has waited for yet counts, unless it is dead."""
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text("ascii")
    except FileNotFoundError:
        return False


def status(process_id: int) -> dict[str, str]:
    lines = Path(f"/proc/{process_id}/status").read_text("ascii").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_limits_come_from_the_settings() -> None:
    limits = Limits.of(Settings(max_archive_entries=5, max_upload_bytes=6, max_unpacked_bytes=7))
    assert (limits.max_entries, limits.max_entry_bytes, limits.max_total_bytes) == (5, 6, 7)
    assert Limits.of(Settings()) == Limits()


@pytest.mark.parametrize("make", [zip_of, stored_rar_of])
async def test_it_is_confined(make: Make) -> None:
    async with opened(make(THREE), Limits(cpu_seconds=33)) as unpacker:
        folder = Path(f"/proc/{unpacker.process_id}")
        rows = (folder / "limits").read_text("ascii").splitlines()[1:]
        limits = {row[:25].strip(): row[25:].split()[:2] for row in rows}
        assert limits["Max cpu time"] == ["33", "34"]
        for kind in ("Max file size", "Max open files", "Max processes"):
            assert limits[kind] == ["0", "0"]
        assert int(limits["Max core file size"][1]) <= 1
        assert 1 << 30 < int(limits["Max address space"][0]) < (1 << 30) + 100_000_000
        assert status(unpacker.process_id)["NoNewPrivs"] == "1"
        names = {entry.partition(b"=")[0] for entry in (folder / "environ").read_bytes().split(b"\0") if entry}
        assert names == {b"LC_ALL", b"MALLOC_ARENA_MAX", b"RAYON_NUM_THREADS"}
        assert (folder / "cwd").readlink() == Path("/")
        assert {link.readlink().name.partition(":")[0] for link in (folder / "fd").iterdir()} == {"socket", "null"}


def test_it_cannot_be_dumped_or_looked_into() -> None:
    code = "from gateway.archives.confine import *; hide(); print(ctypes.CDLL(None).prctl(3))"
    script = code.replace("import *", "import ctypes, hide")
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


async def test_entries_wait_for_the_caller_who_may_wipe_the_archive() -> None:
    archive = zip_of(THREE)
    async with opened(archive, Limits()) as unpacker:
        archive[:] = bytes(len(archive))
        seen = []
        async for entry in unpacker:
            assert isinstance(entry, Photo)
            seen.append(bytes(entry.data))
            await asyncio.sleep(0.05)
            with pytest.raises(BlockingIOError):  # nothing is on its way
                unpacker._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    assert seen == [data for _, data in THREE]
    assert not is_running(unpacker.process_id)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU])
async def test_killed_midway_what_was_delivered_stays(number: signal.Signals) -> None:
    async with opened(zip_of(THREE), Limits()) as unpacker:
        entries = aiter(unpacker)
        first = await anext(entries)
        os.kill(unpacker.process_id, number)
        with pytest.raises(UnsafeArchive, match="longer" if number == signal.SIGXCPU else "crashed"):
            await anext(entries)
    assert isinstance(first, Photo)
    assert first.data == THREE[0][1]


async def test_silence_is_not_waited_out() -> None:
    async with opened(zip_of(THREE), Limits(silence_seconds=0.5)) as unpacker:
        os.kill(unpacker.process_id, signal.SIGSTOP)
        with pytest.raises(UnsafeArchive, match="longer"):
            await anext(aiter(unpacker))
    assert not is_running(unpacker.process_id)


@pytest.mark.parametrize("make", [zip_of, stored_rar_of])
@pytest.mark.parametrize("memory_bytes", [1, 2_000_000, 6_000_000, 10_500_000])
async def test_out_of_memory_is_told(make: Make, memory_bytes: int, unpack: Unpack) -> None:
    archive = make([(f"{n}.jpg", photo(n, 5_000_000)) for n in range(2)])
    try:
        assert len(await unpack(archive, Limits(memory_bytes=memory_bytes))) == 2
    except (ArchiveTooLarge, UnsafeArchive) as error:
        assert "memory" in error.message  # noqa: PT017


@pytest.mark.parametrize(("make", "copies"), [(zip_of, 1), (stored_rar_of, 3)])
async def test_memory_is_bounded_by_the_archive(make: Make, copies: int) -> None:
    archive = make([(f"{n}.jpg", photo(n, 2_000_000)) for n in range(15)])
    async with opened(archive, Limits()) as unpacker:
        async for entry in unpacker:
            assert isinstance(entry, Photo)
        peak = int(status(unpacker.process_id)["VmHWM"].split()[0]) * 1024
    assert peak < copies * len(archive) + 40_000_000


@pytest.mark.parametrize("stopped", [False, True])
async def test_cancelled_midway_leaves_no_process(stopped: bool) -> None:
    process_ids: list[int] = []

    async def work() -> None:
        async with opened(zip_of(THREE), Limits()) as unpacker:
            process_ids.append(unpacker.process_id)
            if stopped:
                os.kill(unpacker.process_id, signal.SIGSTOP)
            async for _ in unpacker:
                await asyncio.sleep(60)

    task = asyncio.create_task(work())
    while not process_ids:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(process_ids[0])


async def test_cancelled_while_it_opens_leaves_no_process() -> None:
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split())

    before, archive = children(), zip_of([(f"{n}.jpg", photo(n, 1_000_000)) for n in range(5)])
    for milliseconds in (0, 1, 5, 20, 40, 60):
        task = asyncio.create_task(opened(archive, Limits()).__aenter__())
        await asyncio.sleep(milliseconds / 1000)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task
    await asyncio.sleep(0.2)
    assert {child for child in children() - before if is_running(int(child))} == set()


def test_it_dies_with_the_gateway() -> None:
    script = textwrap.dedent("""
        import asyncio
        from gateway.archives.unpack import Limits, opened
        from tests.gateway.archives.making import photo, zip_of
        async def main():
            async with opened(zip_of([("a.jpg", photo())]), Limits()) as unpacker:
                print(unpacker.process_id, flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=PROJECT_ROOT) as gateway:
        assert gateway.stdout is not None
        process_id = int(gateway.stdout.readline())
        assert is_running(process_id)
        gateway.kill()
    deadline = time.monotonic() + 30
    while is_running(process_id):
        assert time.monotonic() < deadline
        time.sleep(0.01)


TAKEN_OVER = {
    "huge head": b"struct.pack('!II', 1 << 31, 0)",
    "huge data": b"struct.pack('!II', 2, 1 << 31) + b'{}'",
    "no json": b"frame('[' * 30000)",
    "no object": b"frame('[1]')",
    "no answer": b"frame('{}')",
    "total": b"frame('{\"total\": 100000}')",
    "total not a number": b'frame(\'{"total": "1"}\')',
    "our own error": b'frame(\'{"error": "internal-error", "message": "x"}\')',
    "unknown error": b'frame(\'{"error": "x", "message": "x"}\')',
    "long message": b'frame(\'{"error": "damaged-archive", "message": "\' + \'x\' * 301 + \'"}\')',
    "message with control characters": b'frame(\'{"error": "damaged-archive", "message": "\\\\u001b[2J"}\')',
    "photo without bytes": b'frame(\'{"total": 1}\') + frame(\'{"photo": "a.jpg"}\')',
    "bytes without photo": b'frame(\'{"total": 1}\') + frame(\'{"skipped": "a", "reason": "b"}\', b\'x\')',
    "name not text": b"frame('{\"total\": 1}') + frame('{\"photo\": 1}', b'x')",
    "long name": b"frame('{\"total\": 1}') + frame('{\"photo\": \"' + 'x' * 5000 + '\"}', b'x')",
    "pickle": b'frame("\\x80\\x04cos\\nsystem\\n")',
}


def taken_over(answers: bytes) -> tuple[str, ...]:
    code = f"""
import os, struct
def frame(head, data=b""):
    return struct.pack("!II", len(head.encode()), len(data)) + head.encode() + data
os.write(1, {answers.decode()})
while os.read(0, 1 << 20): pass
"""
    return sys.executable, "-I", "-c", code


@pytest.mark.parametrize("answers", TAKEN_OVER.values(), ids=TAKEN_OVER)
async def test_a_process_that_was_taken_over_is_not_believed(
    answers: bytes, monkeypatch: pytest.MonkeyPatch, unpack: Unpack
) -> None:
    monkeypatch.setattr(unpack_module, "_COMMAND", taken_over(answers))
    with pytest.raises(UnsafeArchive, match="misbehave"):
        await unpack(zip_of(THREE))


async def test_names_and_bytes_of_such_a_process_are_checked(monkeypatch: pytest.MonkeyPatch, unpack: Unpack) -> None:
    good = b"frame('{\"total\": 2}') + frame('{\"photo\": \"../../\\\\u202ea.jpg\"}', b'123')"
    monkeypatch.setattr(unpack_module, "_COMMAND", taken_over(good + b"+ frame('{\"photo\": \"a.jpg\"}', b'456')"))
    assert [entry.name for entry in await unpack(zip_of(THREE))] == ["a.jpg", "a (2).jpg"]
    with pytest.raises(UnsafeArchive, match="misbehave"):
        await unpack(zip_of(THREE), Limits(max_total_bytes=5))
    with pytest.raises(UnsafeArchive, match="misbehave"):
        await unpack(zip_of(THREE), Limits(max_entry_bytes=2))


async def test_a_server_that_cannot_start_it_says_so(monkeypatch: pytest.MonkeyPatch, unpack: Unpack) -> None:
    monkeypatch.setattr(unpack_module, "_COMMAND", (sys.executable, "-I", "-c", "raise SystemExit(3)"))
    with pytest.raises(LimnerError, match="at fault") as caught:
        await unpack(zip_of(THREE))
    assert not isinstance(caught.value, InputError)
    monkeypatch.setattr(unpack_module, "_COMMAND", ("/nonexistent",))
    with pytest.raises(QueueFull):
        await unpack(zip_of(THREE))
