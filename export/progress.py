"""Progress of downloads and exports: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_PLAIN_INTERVAL = 5.0


class Reporter:
    """Writes to standard error, so that what a command prints can be piped."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    def line(self, text: str) -> None:
        """One plain line."""
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A piece of work of unknown length; its duration is told at the end."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            self.line(f"{text} …")
            yield
        self.line(f"{text}: {time.monotonic() - started:.0f} s")

    @contextmanager
    def download(self, name: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        """A download of ``total`` bytes; yields a function to call with the number of bytes that are there."""
        if not self.console.is_terminal:
            yield self._plain_download(name, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.console) as progress:
            task = progress.add_task(name, total=total, completed=done)
            yield lambda there: progress.update(task, completed=there)

    def _plain_download(self, name: str, total: int) -> Callable[[int], None]:
        told = time.monotonic()

        def update(there: int) -> None:
            nonlocal told
            if time.monotonic() - told >= _PLAIN_INTERVAL or there == total:
                told = time.monotonic()
                self.line(f"{name}: {there / 1e6:.0f} of {total / 1e6:.0f} MB")

        return update
