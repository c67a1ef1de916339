"""A running gateway whose address is known and whose memory, together with Triton's, is watched."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

import psutil

from perf.gateway_load import Gateway
from serving.supervisor import Supervisor

_PAUSE_SECONDS = 0.5


def tidy_when_terminated() -> None:
    """Let SIGTERM end this program as an exception does: Triton and the gateway would outlive it otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class WatchedGateway(Gateway):
    """``limner serve`` in front of the Triton of ``supervisor``, without a limit of uploads."""

    def __init__(self, supervisor: Supervisor) -> None:
        super().__init__(supervisor.endpoint.url, None)
        self._supervisor = supervisor

    def __enter__(self) -> WatchedGateway:
        super().__enter__()
        return self

    def pss(self) -> int:
        """Bytes of gateway, Triton and every stub; a page that processes share is counted once (PSS)."""
        triton = self._supervisor.process
        if triton is None:
            raise SystemExit("Triton is not running")
        total = 0
        for pid in (self._process.pid, triton.pid):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
                    total += int(process.memory_full_info().pss)
        return total

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[int]]:
        """While the block runs, :meth:`pss` twice a second, into the list that the block is given."""
        seen, done = [self.pss()], threading.Event()

        def sample() -> None:
            while not done.wait(_PAUSE_SECONDS):
                seen.append(self.pss())

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            yield seen
        finally:
            done.set()
            sampler.join()
