"""Keep Triton alive: start, watch, restart, stop.

Triton 2.51 neither restarts a Python stub that died nor stops calling itself ready, so the supervisor looks at the
stubs' processes and sends canaries, and restarts the whole server when either is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import tritonclient.grpc as triton

from limner.canary import LIGHT_PARAMETERS
from limner.errors import LimnerError, ServingError
from limner.settings import Settings
from serving.assemble import assemble
from serving.canary import CanaryFailed, CanaryRefused, check_tensors, is_ready, send_canary, send_canary_among_others
from serving.explain import explained
from serving.gpu_packages import check_profile
from serving.locate import TritonInstallation, locate_triton
from serving.process import Endpoint, TritonProcess, is_living_stub
from serving.runtime_folder import RuntimeFolder
from serving.winograd import wants_winograd

logger = logging.getLogger(__name__)

START_TIMEOUT = 180.0
"""Seconds for all models to load; compiling networks takes most of it."""

GPU_START_TIMEOUT = 3600.0
"""The same on a GPU, where the first start builds a TensorRT engine for each network."""

_CANARY_TIMEOUT = 60.0
_POLL = 0.25
_CANARIES_TO_FAIL = 2
_BACKOFF_SECONDS = (0.0, 1.0, 5.0, 15.0, 30.0)


class Supervisor:
    """Owns a server. Use as a context manager, or call :meth:`start` and :meth:`stop`.

    With ``restart`` false, a server that cannot be trusted any more is stopped and not started anew: for whoever is
    started again themselves, such as a container.

    All of Triton's life is managed from one thread, since the kernel ends Triton with the thread that started it.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        on_progress: Callable[[str], None] = logger.info,
        *,
        restart: bool = True,
    ):
        self._settings = settings
        self._restarts_it = restart
        self._end_reason: str | None = None
        self.endpoint = endpoint
        self._on_progress = on_progress
        self._thread = threading.Thread(target=self._run, name="triton-supervisor", daemon=True)
        self._started = threading.Event()
        self._ended = threading.Event()
        self._stopping = threading.Event()
        self._start_error: LimnerError | None = None
        self._process: TritonProcess | None = None
        self._folder: RuntimeFolder | None = None
        self.restarts = 0

    def __enter__(self) -> Supervisor:
        try:
            self.start()
        except BaseException:  # also a signal, which nobody else would stop the half-started server for
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> TritonProcess | None:
        """The running server; None before the start and between two runs."""
        return self._process

    def start(self) -> None:
        """Start the server and wait until a canary has come through.

        Raises:
            ServingError: with the reason and the last lines of Triton's log.
        """
        self._thread.start()
        self._started.wait()
        if self._start_error is not None:
            self._thread.join()
            raise self._start_error

    def stop(self) -> None:
        """End the server and remove its files. Safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self) -> str | None:
        """Block until the server is gone. Gives the reason why it could not be trusted; None: it was told to stop."""
        self._ended.wait()  # not the thread: a signal that interrupts join() makes Python take it for finished
        return self._end_reason

    def _run(self) -> None:
        try:
            if self._settings.triton_home is None:
                check_profile(self._settings.profile)
            installation = locate_triton(self._settings.triton_home)
            self._bring_up(installation)
            self._started.set()
            self._watch(installation)
        except Exception as error:  # whoever waits must be told, whatever it is
            if not isinstance(error, LimnerError):
                logger.exception("the supervisor failed")
            if self._started.is_set():
                self._end_reason = f"its supervisor failed ({error})."
            elif isinstance(error, LimnerError):
                self._start_error = error
            else:
                self._start_error = ServingError(f"Triton could not be started: {error}")
        finally:
            try:
                if self._process is not None:
                    self._process.stop()
                    self._process = None
                if self._folder is not None:
                    self._folder.remove()
            finally:
                self._started.set()
                self._ended.set()

    def _launch(self, installation: TritonInstallation) -> TritonProcess:
        settings = self._settings
        if self._folder is None or not self._folder.models.is_dir():  # somebody tidied up since the last start
            if self._folder is not None:
                self._folder.remove()
            self._folder = assemble(
                settings.run_dir,
                installation,
                settings.models_dir,
                settings.profile,
                winograd=wants_winograd(settings),
            )
        return TritonProcess(installation, self._folder, self.endpoint, settings.profile)

    def _bring_up(self, installation: TritonInstallation) -> None:
        """Launch and wait until the server can be trusted."""
        self._process = process = self._launch(installation)
        timeout = START_TIMEOUT if self._settings.profile == "cpu" else GPU_START_TIMEOUT
        deadline = time.monotonic() + timeout
        with triton.InferenceServerClient(self.endpoint.url) as client:
            while not is_ready(client):
                if process.exit_code is not None:
                    raise ServingError(explained(process.explain()))
                if time.monotonic() > deadline:
                    raise ServingError(f"Triton did not start in {timeout:g} s:\n{process.explain()}")
                if self._stopping.wait(_POLL):
                    raise ServingError("The start was broken off.")
            try:
                check_tensors(client, _CANARY_TIMEOUT)
                send_canary(client, {}, _CANARY_TIMEOUT)  # the networks warm up with it
            except CanaryFailed as error:
                raise ServingError(f"{error.message}\nTriton said:\n{process.explain()}") from error

    def _watch(self, installation: TritonInstallation) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                reason = self._watch_one_run()
            except Exception as error:  # too many open files, an answer of another form: nobody knows how it is
                logger.exception("Triton cannot be watched")
                reason = f"it cannot be watched ({type(error).__name__}: {error})."
            if reason is None:
                return
            if not self._restarts_it:
                self._end_reason = reason
                return
            self._say(f"Triton is restarted: {reason}")
            failures = 0 if self._restart(installation) else min(failures + 1, len(_BACKOFF_SECONDS) - 1)
            self._stopping.wait(_BACKOFF_SECONDS[failures])

    def _restart(self, installation: TritonInstallation) -> bool:
        """Whether the new server came up; where it did not, the next round tries again."""
        self._kill()  # a server with a dead stub waits in vain for it when asked to stop
        self.restarts += 1
        try:
            self._bring_up(installation)
        except Exception as error:  # no memory, disk or thread may be had just now: that passes
            logger.error("Triton could not be restarted: %s", error, exc_info=not isinstance(error, LimnerError))
            self._kill()  # it may run, and lack a process that only a heavy photo would miss
            return False
        self._say("Triton is back.")
        return True

    def _kill(self) -> None:
        process, self._process = self._process, None
        try:
            if process is not None:
                process.kill()
        except Exception:
            logger.exception("what Triton left behind could not be removed")

    def _say(self, line: str) -> None:
        try:
            self._on_progress(line)
        except Exception:  # nobody reads standard output any more
            logger.warning("%s", line)

    def _watch_one_run(self) -> str | None:
        """Block until something is wrong and say what; None when asked to stop."""
        process = self._process
        if process is None or process.exit_code is not None:
            return "it is not running."
        stubs = process.stub_pids()
        missed, next_canary = 0, time.monotonic() + self._settings.canary_interval
        with triton.InferenceServerClient(self.endpoint.url) as client:
            while not self._stopping.wait(_POLL):
                if process.exit_code is not None:
                    return f"it ended with code {process.exit_code}."
                if not all(map(is_living_stub, stubs)):
                    return "one of its Python stubs died."
                if time.monotonic() < next_canary:
                    continue
                try:
                    send_canary_among_others(client, self.endpoint, LIGHT_PARAMETERS, _CANARY_TIMEOUT)
                    missed = 0
                except CanaryRefused:
                    missed = 0  # busy: were it stuck, its queues would empty by their time-outs, and canaries fail then
                except CanaryFailed as error:
                    missed += 1
                    logger.warning("%s", error.message)
                    if missed == _CANARIES_TO_FAIL:
                        return f"{missed} canaries in a row failed."
                next_canary = time.monotonic() + self._settings.canary_interval
        return None
