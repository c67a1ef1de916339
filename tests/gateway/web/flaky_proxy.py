"""A TCP proxy whose connections can be cut: a network that fails."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

PIECE = 65_536
SLICE_SECONDS = 0.05
RECEIVED = 262_144
"""Bytes that the system may take from the server ahead of the browser: a delivery that breaks must be seen to break."""


class FlakyProxy:
    """Listens on a port of 127.0.0.1 and passes bytes on to another, in both directions, until it is :meth:`cut`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._passing = True
        self.upload_rate: int | None = None
        """Bytes a second from the browser; None: as they come."""
        self.sent = bytearray()
        """All that the browser sent."""
        self.cut_after: int | None = None
        """Bytes of one connection to the browser, after which all are cut, once; None: never."""
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> FlakyProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections off, and take no new one until :meth:`mend`."""
        with self._lock:
            self._passing = False
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._open.clear()

    def mend(self) -> None:
        self._passing = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._passing:
                near.close()
                continue
            far = socket.socket()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
            far.connect(("127.0.0.1", self._target))
            with self._lock:
                passing = self._passing  # it may have been cut in the meantime
                if passing:
                    self._open |= {near, far}
            if not passing:
                near.close()
                far.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target, source is near), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, upload: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                passed += len(data)
                if upload:
                    self.sent += data
                elif self.cut_after is not None and passed > self.cut_after:
                    self.cut_after = None
                    self.cut()
                rate = self.upload_rate if upload else None
                if rate is not None:
                    self._slowly(target, data, rate)
                else:
                    target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        with self._lock:
            self._open -= {source, target}

    @staticmethod
    def _slowly(target: socket.socket, data: bytes, rate: int) -> None:
        step = max(1, int(rate * SLICE_SECONDS))
        for start in range(0, len(data), step):
            target.sendall(data[start : start + step])
            time.sleep(SLICE_SECONDS)
