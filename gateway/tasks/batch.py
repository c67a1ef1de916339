"""The task of an archive: its photos enhanced side by side, each result sealed as soon as it is there."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.archives.entries import Photo, Refused, Skipped
from gateway.archives.unpack import Unpacker
from gateway.audit import Audit
from gateway.clock import now
from gateway.filenames import named_for_format
from gateway.metrics import Metrics
from gateway.problems import unexpected
from gateway.report import Report
from gateway.state.record import RESULT_PART
from gateway.state.sealing import wipe
from gateway.tasks.running import Running
from gateway.tasks.work import Job, Work
from gateway.triton import Enhanced
from limner.errors import LimnerError, QueueFull, StateUnavailable
from limner.options import Value

INDEX = RESULT_PART["batch"]


@dataclass(frozen=True)
class Packed:
    """A sealed result: which photo of the archive it is of, its place in the store, and what the ZIP says of it."""

    number: int
    part: str
    name: str
    size: int
    crc: int


@dataclass
class Batch:
    """A batch at work: the counts that its record shows, and what the result will hold."""

    work: Work
    metrics: Metrics
    audit: Audit
    fields: dict[str, Value]
    request_id: str
    concurrency: int
    max_held_bytes: int
    packed: list[Packed] = field(default_factory=list)
    entries: dict[int, Report] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    processed: int = 0
    failed: int = 0
    skipped: int = 0

    async def run(self, running: Running, unpacker: Unpacker) -> dict[str, Any]:
        """Enhance all; gives the fields of the record that change on completion.

        Raises:
            LimnerError: the archive cannot be read on, and no photo was enhanced before.
        """
        await running.update(status="processing", started=now(), total_files=unpacker.total)
        broken: LimnerError | None = None
        places = asyncio.Semaphore(self.concurrency)
        photos: set[asyncio.Task[None]] = set()
        number = 0
        try:
            try:
                async for entry in unpacker:
                    if isinstance(entry, Photo):
                        photos.add(await self._start(running, number, entry, places))
                        photos = {photo for photo in photos if not photo.done()}
                    else:
                        self._passed_over(number, entry)
                        await self._count(running)
                    number += 1
            except LimnerError as error:
                broken = error
            await asyncio.gather(*photos)
        finally:
            for photo in photos:
                photo.cancel()
            await asyncio.gather(*photos, return_exceptions=True)
        if broken is not None and not self.processed:
            raise broken
        self.failed += unpacker.total - number  # what lies behind the place where the archive broke
        return await self._finish(running, unpacker.total, broken)

    async def _start(
        self, running: Running, number: int, photo: Photo, places: asyncio.Semaphore
    ) -> asyncio.Task[None]:
        """Begin with a photo once there is a place: what is unpacked lies in memory. It is wiped, however it ends."""
        try:
            await places.acquire()
        except BaseException:
            wipe(photo.data)
            raise

        def ended(_: asyncio.Task[None]) -> None:
            # Not in a `finally` of the work, which never begins where it is cancelled at once.
            wipe(photo.data)
            places.release()

        work = asyncio.create_task(self._photo(running, number, photo))
        work.add_done_callback(ended)
        return work

    def _passed_over(self, number: int, entry: Refused | Skipped) -> None:
        if isinstance(entry, Refused):
            self._fail(number, entry.name, entry.error)
        else:
            self.skipped += 1
            self.metrics.batch_photo("skipped")
            self.entries[number] = {"name": entry.name, "status": "skipped", "reason": entry.reason}

    def _fail(self, number: int, name: str, error: LimnerError) -> None:
        self.failed += 1
        self.metrics.batch_photo("failed")
        self.entries[number] = {
            "name": name,
            "status": "failed",
            "error": {"type": error.type, "message": error.message},
        }

    async def _photo(self, running: Running, number: int, photo: Photo) -> None:
        try:
            with self.metrics.counted():
                await self._enhance(running, number, photo)
        except LimnerError as error:
            self._fail(number, photo.name, error)
        except Exception as error:  # a fault of ours costs this photo, not the batch
            self._fail(number, photo.name, unexpected(error))
        await self._count(running)

    async def _enhance(self, running: Running, number: int, photo: Photo) -> None:
        job = Job.of(photo.data, photo.name, self.fields, self.request_id)
        if running.held > self.max_held_bytes:
            raise QueueFull("Results fill the memory of the server. Fetch those that are done, then try again.")
        started = time.perf_counter()
        with self.audit.processing(task=running.name, kind="batch"):
            result = await self._once(job)
        with running.seal() as seal:
            sealed = seal.seal(f"photo-{number}", result.image)
        name = named_for_format(photo.name, result.format)
        packed = Packed(number, f"photo-{number}", name, len(result.image), zlib.crc32(result.image))
        await running.keep(packed.part, sealed)
        self.packed.append(packed)
        self.processed += 1
        self.metrics.batch_photo("completed")
        self.entries[number] = {
            "name": photo.name,
            "status": "completed",
            "result": packed.name,
            "processing_time": round(time.perf_counter() - started, 3),
            **result.report,
        }

    def _name(self) -> None:
        """In the archive's order, whichever was done first: the same archive gives the same names."""
        self.packed.sort(key=lambda packed: packed.number)
        self.packed = [replace(packed, name=self._unique(packed.name)) for packed in self.packed]
        for packed in self.packed:
            self.entries[packed.number]["result"] = packed.name

    def _unique(self, name: str) -> str:
        """Photos that differ in their format only may get one name; file systems may not tell case apart either."""
        stem, dot, ending = name.rpartition(".")
        count = 1
        while name.casefold() in self.names:
            count += 1
            name = f"{stem} ({count}){dot}{ending}"
        self.names.add(name.casefold())
        return name

    async def _once(self, job: Job) -> Enhanced:
        ticket = self.work.queue.ticket()
        try:
            return await self.work.enhance(job, ticket, patient=True)
        finally:
            self.work.queue.leave(ticket)

    async def _miss_what_is_gone(self, running: Running) -> None:
        """A store that was restarted meanwhile has forgotten the results it was given before."""
        for packed in list(self.packed):
            if not await running.has(packed.part):
                self.packed.remove(packed)
                self.processed -= 1
                lost = StateUnavailable("The result was lost when the store was restarted. Send the photo again.")
                self._fail(packed.number, str(self.entries[packed.number]["name"]), lost)

    async def _count(self, running: Running) -> None:
        await running.note(processed_files=self.processed, failed_files=self.failed, skipped_files=self.skipped)

    async def _finish(self, running: Running, total: int, broken: LimnerError | None) -> dict[str, Any]:
        await self._miss_what_is_gone(running)
        self._name()
        counts = {
            "total_files": total,
            "processed_files": self.processed,
            "failed_files": self.failed,
            "skipped_files": self.skipped,
        }
        report: Report = {**counts, "photos": [self.entries[number] for number in sorted(self.entries)]}
        if broken is not None:
            report["error"] = {"type": broken.type, "message": broken.message}
        index = {"files": [vars(packed) for packed in self.packed], "report": report}
        with running.seal() as seal:
            sealed = seal.seal(INDEX, json.dumps(index, ensure_ascii=False).encode())
        await running.keep(INDEX, sealed)
        told = {"error_type": broken.type, "error_message": broken.message} if broken is not None else {}
        return {**counts, **told, "result_bytes": sum(packed.size for packed in self.packed)}
