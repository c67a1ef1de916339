"""Many photos, one after the other or a few at once; told of and named in the order in which they were given."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from itertools import islice
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.faces import face_lines
from cli.outputs import OutputPlan, write_together
from cli.writable import require_room
from gateway.report import Report
from gateway.triton import Enhanced, EnhancedFaces
from limner.errors import Forbidden, InvalidOption, LimnerError, QuotaExceeded, ServerUnreachable, Unauthorized

Tell = Callable[[str, float | None], None]
"""Shows how far one photo is: a word or figure, and a share of 1, or None where that is unknown."""

FATAL = (InvalidOption, Unauthorized, Forbidden, QuotaExceeded)
"""What every photo would fail with alike."""

_UNREACHABLE_IN_A_ROW = 3


class Bars:
    """Progress on the terminal: a bar for all, and one for each photo at work. Nothing where there is no terminal."""

    def __init__(self, total: int) -> None:
        figure = TextColumn("{task.fields[figure]}", markup=False)
        name = TextColumn("{task.description}", markup=False)  # a file may be called [red].jpg
        self._progress = Progress(name, BarColumn(), figure, TimeElapsedColumn(), transient=True)
        self._total = total
        self._done = 0
        self._all = self._progress.add_task("enhancing", total=total, figure=f"0/{total}")

    def __enter__(self) -> Bars:
        if self._progress.console.is_terminal:  # elsewhere a stop leaves an empty line
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress.console.is_terminal:
            self._progress.stop()

    @contextmanager
    def one(self, name: str) -> Iterator[Tell]:
        bar = self._progress.add_task(f"  {name}", total=None, figure="")

        def tell(figure: str, share: float | None) -> None:
            self._progress.update(bar, figure=figure, total=1.0, completed=share or 0.0)

        try:
            yield tell
        finally:
            self._progress.remove_task(bar)

    def say(self, text: str) -> None:
        """Print what there is to say of one, which is done."""
        self._progress.console.print(text, markup=False, emoji=False, soft_wrap=True)
        self._done += 1
        self._progress.update(self._all, completed=self._done, figure=f"{self._done}/{self._total}")


async def enhance_photos(
    photos: Sequence[Path], plan: OutputPlan, work: Callable[[Path, Tell], Awaitable[Enhanced]], *, at_once: int = 1
) -> int:
    """How many photos failed. Each is written as soon as it and those before it are there, or the run ends.

    Args:
        work: enhances one photo.
        at_once: photos at work at a time.

    Raises:
        LimnerError: one that every photo would fail with: see ``FATAL``; no more can be written; or the server is not
            reached again and again.
    """
    failed = unreachable = 0
    with Bars(len(photos)) as bars:

        async def attempt(photo: Path) -> Enhanced:
            with bars.one(photo.name) as tell:
                return await work(photo, tell)

        def keep(photo: Path, enhanced: Enhanced) -> None:
            try:
                said = _write(photo, plan, enhanced)
            except (LimnerError, OSError) as error:
                said = failure(photo, error)
            with suppress(OSError):  # whoever reads the lines may be gone, and others wait to be written
                bars.say(said)

        async with aclosing(_in_order(photos, attempt, at_once, keep)) as attempts:
            async for photo, attempted in attempts:
                try:
                    said, unreachable = _write(photo, plan, attempted.result()), 0
                except FATAL:
                    raise
                except (LimnerError, OSError) as error:
                    require_room(photo, error)
                    unreachable = unreachable + 1 if isinstance(error, ServerUnreachable) else 0
                    if unreachable == _UNREACHABLE_IN_A_ROW:
                        raise
                    failed += 1
                    said = failure(photo, error)
                bars.say(said)
    return failed


def failure(path: Path, error: LimnerError | OSError) -> str:
    """The line that names what failed, and why."""
    return f"{path}: {error.message if isinstance(error, LimnerError) else error}"


async def _in_order(
    photos: Sequence[Path],
    attempt: Callable[[Path], Awaitable[Enhanced]],
    at_once: int,
    keep: Callable[[Path, Enhanced], None],
) -> AsyncGenerator[tuple[Path, asyncio.Task[Enhanced]], None]:
    """The photos with their attempts, which have ended; the next ones are at work meanwhile.

    Who stops early has ``keep`` called with the results that wait for those before them: the server has them no more.
    """
    waiting = iter(photos)
    window: deque[tuple[Path, asyncio.Task[Enhanced]]] = deque()
    try:
        while True:
            for photo in islice(waiting, at_once - len(window)):
                window.append((photo, asyncio.ensure_future(attempt(photo))))
            if not window:
                return
            await asyncio.wait({window[0][1]})
            yield window.popleft()
    finally:
        for _, running in window:
            running.cancel()  # what is done stays done
        for photo, done in window:
            if done.done() and not done.cancelled() and done.exception() is None:
                keep(photo, done.result())
        await asyncio.gather(*(running for _, running in window), return_exceptions=True)


def _write(photo: Path, plan: OutputPlan, enhanced: Enhanced) -> str:
    """What there is to say of the photo, once all is written."""
    before = photo.read_bytes() if plan.sheets else b""
    place = plan.place(photo, enhanced.format)
    write_together(plan.files(place, before, enhanced))
    written = f"{photo} -> {place.result}"
    try:
        return "\n".join([f"{written}  {_figures(enhanced.report)}", *_details(enhanced)])
    except (KeyError, TypeError):  # the report of a server of another version
        return written


def _figures(report: Report) -> str:
    sizes = " -> ".join(f"{report[end]['width']}x{report[end]['height']}" for end in ("input", "output"))
    return f"{sizes}  {report['milliseconds']['total'] / 1000:.1f} s"


def _details(enhanced: Enhanced) -> Iterator[str]:
    report = enhanced.report
    faces, restorer = len(report["faces"]), report["models"]["face_restorer"]
    background = report["models"]["background"]
    restored = restorer["name"] or f"not restored ({restorer['reason']})"
    yield f"  background: {background.get('variant') or background['name']}; faces found: {faces}, {restored}"
    yield from (f"  {line}" for line in [*face_lines(report), *report["notes"]])
    if isinstance(enhanced, EnhancedFaces) and not len(enhanced.restored):
        yield "  No face was restored, so only the result was written."
