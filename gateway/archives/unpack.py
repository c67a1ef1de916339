"""The gateway's end of the process that unpacks one archive.

Both ends hold one socket of a pair. Nothing that can run code is taken from the process (no pickle), every length is
checked before memory is set aside for it, and names are cleaned here, whatever was done with them there.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from typing import Final, TypeVar

from gateway.archives.entries import Entry
from gateway.archives.formats import format_of
from gateway.archives.frames import MAX_HEAD_BYTES, NEXT, SIZES, Head, Violation, entry_of, error_of, framed, parsed
from gateway.archives.limits import Limits
from gateway.archives.names import UniqueNames
from limner.errors import LimnerError, QueueFull, UnsafeArchive

log = logging.getLogger("limner.gateway")

_COMMAND: Final = (sys.executable, "-I", "-m", "gateway.archives.worker")
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "RAYON_NUM_THREADS": "1"}
"""All that the process gets: text as UTF-8, and no memory or threads by the number of cores."""

_EXIT_SECONDS: Final = 5.0

T = TypeVar("T")


class Unpacker:
    """The entries of an open archive, in its order. Each is unpacked when it is asked for, so they wait for no one.

    Attributes:
        total: entries that are files: photos, refused and skipped ones.
        process_id: of the process that unpacks.
    """

    def __init__(self, connection: socket.socket, process: Process, limits: Limits) -> None:
        self._connection, self._process, self._limits = connection, process, limits
        self._names = UniqueNames()
        self._given = 0
        self._late = False
        self.total = 0
        self.process_id = process.pid

    async def start(self, archive: bytearray, head: Head) -> None:
        """Send the archive over and wait for its listing. For :func:`opened`."""
        loop = asyncio.get_running_loop()
        try:
            await self._timely(loop.sock_sendall(self._connection, framed(head, len(archive))))
            await self._timely(loop.sock_sendall(self._connection, archive))
        except ConnectionError:
            raise await self._ended() from None
        head, _ = await self._ask()
        total = head.get("total")
        if not isinstance(total, int) or not 0 < total <= self._limits.max_entries:
            raise self._violated()
        self.total = total

    async def __aiter__(self) -> AsyncIterator[Entry]:
        """The entries that were not given yet.

        Raises:
            InputError: the rest cannot be unpacked. What was given stays good.
        """
        left = self._limits.max_total_bytes
        while self._given < self.total:
            head, data = await self._ask()
            try:
                entry = entry_of(head, data)
            except Violation:
                raise self._violated() from None
            left -= len(data)
            if left < 0:
                raise self._violated()
            self._given += 1
            yield replace(entry, name=self._names.take(entry.name))

    async def _ask(self) -> tuple[Head, bytearray]:
        """The next answer, unless it is an error of the whole archive: that is raised."""
        try:
            head, data = await self._timely(self._exchange())
            if "error" in head and "refused" not in head:
                raise error_of(head)
        except Violation:
            raise self._violated() from None
        except (ConnectionError, EOFError):
            raise await self._ended() from None
        return head, data

    async def _exchange(self) -> tuple[Head, bytearray]:
        await asyncio.get_running_loop().sock_sendall(self._connection, NEXT)
        head_bytes, data_bytes = SIZES.unpack(await self._receive(SIZES.size))
        if head_bytes > MAX_HEAD_BYTES or data_bytes > self._limits.max_entry_bytes:
            raise Violation
        head = parsed(await self._receive(head_bytes))
        return head, await self._receive(data_bytes)

    async def _receive(self, size: int) -> bytearray:
        """``size`` bytes, straight into the buffer that the caller will own: no copy stays behind."""
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        view = memoryview(data)
        try:
            while view:
                received = await loop.sock_recv_into(self._connection, view)
                if received == 0:
                    raise EOFError
                view = view[received:]
        except BaseException:
            data[:] = bytes(size)
            raise
        return data

    async def _timely(self, answer: Awaitable[T]) -> T:
        """``answer``, if it comes in time; else the process is killed, which ends the wait as its death does.

        (``asyncio.wait_for`` swallows a cancellation that meets the answer, before Python 3.12.)
        """
        alarm = asyncio.get_running_loop().call_later(self._limits.silence_seconds, self._give_up)
        try:
            return await answer
        finally:
            alarm.cancel()

    def _give_up(self) -> None:
        self._late = True
        _kill(self._process)

    def _violated(self) -> LimnerError:
        log.warning("the process of an archive broke its protocol")
        return UnsafeArchive("The archive made its reader misbehave and was put away. Pack the photos again.")

    async def _ended(self) -> LimnerError:
        """What it means that the process is gone."""
        alarm = asyncio.get_running_loop().call_later(_EXIT_SECONDS, _kill, self._process)
        try:
            code = await self._process.wait()
        finally:
            alarm.cancel()
        log.warning("the process of an archive ended with %s", code)
        if self._late or code == -signal.SIGXCPU:
            return _too_slow()
        if code > 0 and not self.total:  # Python itself has failed, before the archive was touched
            return LimnerError("Archives cannot be opened: the server is at fault. Its log has more.")
        return UnsafeArchive(
            "The archive took more memory than it may, or crashed its reader. Pack it again as an ordinary ZIP."
        )


def _too_slow() -> LimnerError:
    return UnsafeArchive("The archive takes longer to unpack than it may. Pack it again as an ordinary ZIP.")


@asynccontextmanager
async def opened(archive: bytearray, limits: Limits) -> AsyncIterator[Unpacker]:
    """The archive, listed by a process that ends with the block, whatever happens.

    Inside the block the process has its own copy: the caller may wipe ``archive``.

    Raises:
        InputError: it is no ZIP or RAR, is encrypted, damaged, harmful or too large, or holds no photo.
        QueueFull: the system cannot start a process now.
    """
    head: Head = {"format": format_of(archive), "limits": asdict(limits)}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        process = await _started(theirs)
        try:
            theirs.close()
            unpacker = Unpacker(ours, process, limits)
            await unpacker.start(archive, head)
            yield unpacker
        finally:
            await _ended_for_certain(process)


async def _started(connection: socket.socket) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=connection.fileno(),
            stdout=connection.fileno(),
            stderr=DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the gateway's terminal is for the gateway
        )
    except OSError:
        raise QueueFull("The server cannot start another process now. Send the archive again later.") from None


async def _ended_for_certain(process: Process) -> None:
    _kill(process)
    await asyncio.shield(process.wait())


def _kill(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
