"""One run of Triton: the command line, the environment, the process, its log and its end."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field

import psutil

from limner.cancellation import lower_flags_of
from limner.errors import SettingsError
from limner.settings import PROJECT_ROOT
from serving.assemble import is_python_based
from serving.engines import make_engine_folder
from serving.environment import environment
from serving.explain import level_of
from serving.locate import TritonInstallation
from serving.preload import write_library
from serving.runtime_folder import RuntimeFolder

logger = logging.getLogger(__name__)

RESTRICTED_APIS = "shared-memory,model-repository,model-config,statistics,trace,logging"
"""Triton's protocols that change or reveal more than inference needs."""

LOOPBACK = "127.0.0.1"

_MIB = 1 << 20
_HOST_OF = dict.fromkeys(("LIMNER_TRITON_GRPC_PORT", "LIMNER_TRITON_METRICS_PORT"), "LIMNER_TRITON_HOST")
_STUB_NAME = "triton_python_backend_stub"
_EXIT_TIMEOUT = 15.0
_LOG_LINES = 400


def free_port(host: str = LOOPBACK) -> int:
    """A port of ``host`` that nobody listens on just now."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free_port(host: str, port: int, variable: str) -> None:
    """Find out early that a port is taken.

    Raises:
        SettingsError: naming the setting that would move it.
    """
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                way_out = f"Set {_HOST_OF.get(variable, 'LIMNER_HOST')} to an address of this machine."
            elif error.errno == errno.EACCES:
                way_out = f"Set {variable} to one from 1024 on."
            else:
                way_out = f"Stop what runs there, or set {variable}."
            raise SettingsError(f"{_joined(host, port)} cannot be listened on ({error.strerror}). {way_out}") from None


@dataclass(frozen=True)
class Endpoint:
    """Ports of one server, kept across its restarts, on the address ``host``.

    ``api_key`` opens the restricted protocols to a client that sends it as metadata
    ``triton-grpc-protocol-limner-key``.
    """

    grpc: int
    metrics: int
    open_apis: bool = False
    api_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """``host:port`` of its gRPC, from this machine."""
        return own_url(self.host, self.grpc)


def own_url(host: str, port: int) -> str:
    """``host:port`` at which this machine reaches what listens on ``host``, which may stand for all addresses."""
    return _joined({"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host), port)  # noqa: S104 - asked for, not listened on


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def command_line(
    installation: TritonInstallation, folder: RuntimeFolder, endpoint: Endpoint, profile: str
) -> list[str]:
    """Nothing but inference: the flags are those of a server that strangers could reach."""
    shared_memory = [
        f"--backend-config={backend},{key}={value}"
        for backend in sorted(
            path.name for path in folder.backends.iterdir() if path.name == "python" or is_python_based(path)
        )
        for key, value in (
            ("shm-region-prefix-name", folder.shared_memory_prefix),
            ("shm-default-byte-size", 8 * _MIB),
            ("shm-growth-byte-size", 16 * _MIB),
            ("stub-timeout-seconds", 120),
        )
    ]
    restricted = (
        [] if endpoint.open_apis else [f"--grpc-restricted-protocol={RESTRICTED_APIS}:limner-key={endpoint.api_key}"]
    )
    grpc_host = metrics_host = endpoint.host
    if ":" in endpoint.host:  # IPv6: gRPC's server appends a colon and the port, that of the metrics expects IPv4
        grpc_host, metrics_host = f"[{endpoint.host}]", f"ipv6:{endpoint.host}"
    return [
        str(installation.server),
        f"--model-repository={folder.models}",
        f"--backend-directory={folder.backends}",
        f"--model-config-name={profile}",
        "--model-control-mode=none",
        "--disable-auto-complete-config",
        "--allow-http=false",
        f"--grpc-address={grpc_host}",
        f"--grpc-port={endpoint.grpc}",
        f"--metrics-address={metrics_host}",
        f"--metrics-port={endpoint.metrics}",
        f"--allow-gpu-metrics={str(profile != 'cpu').lower()}",
        "--allow-sagemaker=false",
        "--allow-vertex-ai=false",
        "--exit-timeout-secs=10",
        "--grpc-infer-allocation-pool-size=0",  # else it keeps the photos and results of the last calls for reuse
        *restricted,
        *shared_memory,
    ]


class TritonProcess:
    """A started server. Its log is read as it comes; the last lines are kept to explain a death.

    Raises:
        ServingError: TensorRT's engines cannot be kept, which the profile ``gpu`` builds.
    """

    def __init__(self, installation: TritonInstallation, folder: RuntimeFolder, endpoint: Endpoint, profile: str):
        if profile == "gpu":
            make_engine_folder(PROJECT_ROOT)
        self._folder = folder
        library = folder.root / "guards.so"
        write_library(library)
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._stubs: set[int] = set()
        """All that were ever seen."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "serving.launch", str(os.getpid()), str(library)),
                *command_line(installation, folder, endpoint, profile),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(installation, profile),
            cwd=PROJECT_ROOT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_log, name="triton-log", daemon=True)
        try:
            self._reader.start()
        except RuntimeError:  # no thread can be had; nobody else would end what runs already
            self._process.kill()
            self._process.communicate()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stub_pids(self) -> set[int]:
        """The living Python stubs of this server."""
        try:
            children = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return set()
        living = {child.pid for child in children if is_living_stub(child.pid)}
        if not living <= self._stubs:
            self._stubs |= living
            self._folder.note_stubs(self._stubs)
        return living

    def explain(self, lines: int = 12) -> str:
        """The errors in the log, or its last lines where there are none."""
        kept = list(self._lines)
        errors = [line for line in kept if level_of(line) >= logging.ERROR]
        return "\n".join((errors or kept)[-lines:])

    def stop(self) -> None:
        """End the server politely: what runs may finish within a limit."""
        if self._process.poll() is None:
            self.stub_pids()  # a last look, for what they leave behind
            self._process.terminate()
            try:
                self._process.wait(_EXIT_TIMEOUT)
            except subprocess.TimeoutExpired:
                logger.warning("Triton did not stop within %g s and is killed", _EXIT_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """End the server and its stubs at once and for certain. Leaves no shared memory behind."""
        with contextlib.suppress(ProcessLookupError):  # the group outlives its leader while a stub is alive
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=5)
        self._folder.remove_shared_memory()
        for pid in self._stubs:
            lower_flags_of(pid)

    def _read_log(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as stream:
            for raw in stream:
                line = raw.rstrip()
                self._lines.append(line)
                logger.log(level_of(line), "triton: %s", line)


def is_living_stub(pid: int) -> bool:
    """Whether a process is a Python stub, and not one that has ended and only waits to be reaped."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith(_STUB_NAME[:15])
    except psutil.NoSuchProcess:
        return False
