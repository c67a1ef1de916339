"""``limner enhance --server``: photos and archives sent to a gateway instead of a Triton server of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from cli.archives import failures
from cli.outputs import OutputPlan
from cli.photo_run import FATAL, Bars, Tell, enhance_photos, failure
from cli.writable import require_room
from gateway.triton import Enhanced
from limner.client import AsyncBatch, AsyncLimner, AsyncTask, BatchStatus, Event
from limner.client.address import KEY_VARIABLE, checked_key, is_loopback, server_url
from limner.client.answers import foreign
from limner.client.events import State
from limner.errors import LimnerError
from limner.options import Options

AT_ONCE = 3
"""Photos on their way at a time: while one is sent, another is enhanced."""

PATIENCE_SECONDS = 900.0
_DELETE_SECONDS = 5.0


def plain_key_notice(server: str) -> list[str]:
    """A line where the key would cross a network in the clear."""
    url = server_url(server)
    if url.scheme == "https" or is_loopback(url) or checked_key(None) is None:
        return []
    return [f"{KEY_VARIABLE} and the photos travel to {url.host} unencrypted; use https:// where you can."]


async def enhance_remotely(
    server: str, photos: Sequence[Path], plan: OutputPlan, archives: Sequence[tuple[Path, Path]], options: Options
) -> tuple[int, int]:
    """How many photos failed, and of how many; an archive that fails as a whole counts as one.

    Raises:
        LimnerError: as :func:`cli.photo_run.enhance_photos`.
    """
    async with AsyncLimner(server, patience=PATIENCE_SECONDS) as client:

        async def enhance(photo: Path, tell: Tell) -> Enhanced:
            tell("sending", None)
            task = await client.submit(photo, **asdict(options))
            async with _deleted_if_stopped(task):
                await _to_the_end(task.events(), tell)
                result = await task.fetch()
            return Enhanced(result.image, result.format, result.report)

        failed = await enhance_photos(photos, plan, enhance, at_once=AT_ONCE) if photos else 0
        total = len(photos)
        if archives:
            with Bars(len(archives)) as bars:
                for archive, target in archives:
                    counts = await _enhance_archive(client, archive, target, options, bars)
                    failed, total = failed + counts[0], total + counts[1]
    return failed, total


async def _enhance_archive(
    client: AsyncLimner, archive: Path, target: Path, options: Options, bars: Bars
) -> tuple[int, int]:
    """How many photos in it failed, and of how many."""
    try:
        with bars.one(archive.name) as tell:
            # First, so that no result is made that could not be kept.
            target.parent.mkdir(parents=True, exist_ok=True)
            tell("sending", None)
            batch = await client.submit_batch(archive, **asdict(options))
            async with _deleted_if_stopped(batch):
                state = await _to_the_end(batch.events(), tell)
                await batch.save(target)
    except FATAL:
        raise
    except (LimnerError, OSError) as error:
        require_room(archive, error)
        bars.say(failure(archive, error))
        return 1, 1
    bars.say("\n  ".join([_batch_line(archive, target, state), *_batch_details(target, state)]))
    return state.failed_files, state.processed_files + state.failed_files


def _batch_line(archive: Path, target: Path, state: BatchStatus) -> str:
    counts = f"{state.processed_files} enhanced, {state.failed_files} failed, {state.skipped_files} passed over"
    return f"{archive} -> {target}  {counts}  {state.processing_time or 0:.1f} s"


def _batch_details(target: Path, state: BatchStatus) -> list[str]:
    broken = [state.error_message] if state.error_message else []
    return [*broken, *failures(target)] if state.failed_files else broken


@asynccontextmanager
async def _deleted_if_stopped(task: AsyncTask | AsyncBatch) -> AsyncIterator[None]:
    """Ctrl-C stops the work on the server, too."""
    try:
        yield
    except asyncio.CancelledError:
        with suppress(LimnerError, asyncio.TimeoutError):
            await asyncio.wait_for(task.delete(), _DELETE_SECONDS)
        raise


async def _to_the_end(events: AsyncIterator[Event[State]], tell: Tell) -> State:
    """Show the progress; what it came to.

    Raises:
        LimnerError: what the task failed with.
    """
    state: State | None = None
    async for event in events:
        state = event.status
        if state is None:
            tell(f"{event.queue_position} in the queue", None)
        else:
            tell(f"{state.progress:.0%}", state.progress)
    if state is None:
        raise foreign()
    state.require_completed()
    return state
