"""``limner triton`` as a process of its own, on ports that stay the same when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from limner.settings import PROJECT_ROOT
from serving.process import free_port

SECONDS = 100.0

_ON_CORES = (
    "import os, sys; os.sched_setaffinity(0, {cores}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Triton:
    """It starts when it is made; :meth:`wait` until it can be asked. ``cores``: numbers of those that it may use."""

    def __init__(self, settings: Mapping[str, str] | None = None, cores: set[int] | None = None) -> None:
        self.grpc, self.metrics = free_port(), free_port()
        self.cores = cores
        self._settings = settings or {}
        self._process: subprocess.Popen[str]
        self._reader: threading.Thread
        self.output = ""
        self.start()

    def __enter__(self) -> Triton:
        return self.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.grpc}"

    def start(self) -> None:
        environment = {
            **os.environ,
            "LIMNER_TRITON_GRPC_PORT": str(self.grpc),
            "LIMNER_TRITON_METRICS_PORT": str(self.metrics),
            "PYTHONUNBUFFERED": "1",
            **self._settings,
        }
        only = [] if self.cores is None else ["-c", _ON_CORES.format(cores=self.cores)]
        self.output = ""
        self._process = subprocess.Popen(
            [sys.executable, *only, "-m", "cli.main", "triton"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self.output += line

    def wait(self) -> Triton:
        deadline = time.monotonic() + SECONDS
        while "Triton is ready." not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(SECONDS)
        self._reader.join(10)
        return code
