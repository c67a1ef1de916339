"""A Triton server for a command: the one that settings name, or an embedded one that ends with the command."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

from limner.errors import ExportError
from limner.settings import Settings
from serving.gpu_packages import check_profile
from serving.preload import check_folder
from serving.process import LOOPBACK, Endpoint, free_port, require_free_port
from serving.supervisor import Supervisor


def export_models() -> None:
    """Bring the exported models up to date, in a process of its own: PyTorch never enters this one.

    Raises:
        ExportError: the export failed; it has said why itself.
    """
    command = [sys.executable, "-m", "cli.main", "export"]
    with subprocess.Popen(command) as child:  # noqa: S603 - our own command
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            raise
    if code != 0:
        raise ExportError("The models could not be prepared; the lines above say why.")


@contextlib.contextmanager
def triton_server(settings: Settings, say: Callable[[str], None], *, fixed_ports: bool = False) -> Iterator[str]:
    """The ``host:port`` of a gRPC endpoint that has proved to work, or those that settings name, as they write them.

    Args:
        settings: ``triton_url`` names servers elsewhere; without it one is started here.
        say: told of each step.
        fixed_ports: listen where settings say rather than on free ports.
    """
    if settings.triton_url is not None:
        yield settings.triton_url
        return
    check_folder(settings.run_dir)
    check_profile(settings.profile)
    export_models()
    say("Starting Triton and compiling the networks for this machine ...")
    endpoint = Endpoint(
        grpc=port_of(settings.triton_grpc_port, "LIMNER_TRITON_GRPC_PORT") if fixed_ports else free_port(),
        metrics=port_of(settings.triton_metrics_port, "LIMNER_TRITON_METRICS_PORT") if fixed_ports else free_port(),
        open_apis=settings.triton_open_apis,
    )
    with Supervisor(settings, endpoint, say):
        yield endpoint.url


def port_of(wanted: int, variable: str, host: str = LOOPBACK) -> int:
    """The port that a setting names, once it is known to be free; 0 takes any.

    Raises:
        SettingsError: it cannot be listened on.
    """
    if wanted == 0:
        return free_port()
    require_free_port(host, wanted, variable)
    return wanted


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that ``finally`` and ``with`` clean up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
