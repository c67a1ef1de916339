"""``limner triton``: Triton without the gateway, for a machine or a container of its own."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

import click

from cli.embedded import port_of, stopped_by_sigterm
from gateway.logs import configure_logging
from limner.catalog import CATALOG_FILE
from limner.errors import ServingError, SettingsError
from limner.settings import Settings, get_settings
from serving.drain import drain
from serving.process import Endpoint
from serving.supervisor import Supervisor

_LOOK_SECONDS = 1.0
_REMIND_SECONDS = 60.0
_READY = """
Triton is ready.  gRPC: {url}   metrics: http://{metrics}/metrics
Stop it:          Ctrl-C
"""


@click.command()
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for another process, such as a container, to export the models.",
)
def triton(wait: float) -> None:
    """Start Triton alone and listen on LIMNER_TRITON_HOST, ports LIMNER_TRITON_GRPC_PORT and _METRICS_PORT.

    Models are not exported: `limner export` does that. The command ends with code 1 as soon as Triton cannot be
    trusted any more, so that whatever started it can start it again.
    """
    configure_logging()
    settings = get_settings()
    check_host(settings)
    endpoint = Endpoint(
        grpc=port_of(settings.triton_grpc_port, "LIMNER_TRITON_GRPC_PORT", settings.triton_host),
        metrics=port_of(settings.triton_metrics_port, "LIMNER_TRITON_METRICS_PORT", settings.triton_host),
        open_apis=settings.triton_open_apis,
        host=settings.triton_host,
    )
    with contextlib.suppress(KeyboardInterrupt), stopped_by_sigterm():
        await_models(settings.models_dir / CATALOG_FILE, wait, click.echo)
        click.echo("Starting Triton and compiling the networks for this machine ...")
        with Supervisor(settings, endpoint, click.echo, restart=False) as supervisor:
            metrics = endpoint.url.rpartition(":")[0] + f":{endpoint.metrics}"
            click.echo(_READY.format(url=endpoint.url, metrics=metrics))
            try:
                reason = supervisor.wait()
            except KeyboardInterrupt:
                click.echo(
                    f"Waiting up to {settings.shutdown_timeout:g} s for photos at work; Ctrl-C again stops at once."
                )
                if left := drain(endpoint, settings.shutdown_timeout):
                    click.echo(f"{left} photos at work are broken off.")
                raise
        if reason is not None:
            raise ServingError(f"Triton cannot be trusted any more and was stopped: {reason}")
    click.echo("Triton has stopped.")


def check_host(settings: Settings) -> None:
    """See that a server with known holes stays on this machine.

    Raises:
        SettingsError: the embedded server was to listen on another address than loopback.
    """
    if settings.triton_home is not None or _is_loopback(settings.triton_host):
        return
    raise SettingsError(
        f"LIMNER_TRITON_HOST is {settings.triton_host!r}, but the embedded Triton has known holes and listens on "
        "loopback only. Set LIMNER_TRITON_HOME to a newer one, such as /opt/tritonserver in NVIDIA's container."
    )


def await_models(catalog: Path, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until an export has finished, which writes its catalogue last.

    Raises:
        ServingError: there is none after ``seconds``.
    """
    started = time.monotonic()
    reminded = None
    while not catalog.is_file():
        waited = time.monotonic() - started
        if waited >= seconds:
            raise ServingError(
                f"{catalog} is missing: no models were exported there. Run `limner export` with the same LIMNER_DATA"
                + ("." if seconds else ", or wait for whoever does with --wait SECONDS.")
            )
        if reminded is None or waited - reminded >= _REMIND_SECONDS:
            reminded = waited
            say(f"Waiting for {catalog}, which an export writes when it is done ...")
        time.sleep(min(_LOOK_SECONDS, seconds - waited))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
