"""``limner probe``: is a gateway or a Triton on this machine alive, and ready? For containers: the exit code tells."""

from __future__ import annotations

import http.client
import json
import ssl

import click

from limner.errors import ServingError
from limner.settings import Settings, get_settings
from serving.process import Endpoint, own_url

_TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take.",
)


class NotHealthy(ServingError):
    """What was asked is not alive, or not ready."""

    type, title = "not-healthy", "Not healthy"


@click.group()
def probe() -> None:
    """Ask a gateway or a Triton on this machine; exit code 1, and why, where it is not ready."""


@probe.command()
@click.option("--alive", is_flag=True, help="Whether it runs at all, ready or not.")
@_TIMEOUT
def gateway(alive: bool, timeout: float) -> None:
    """Whether `limner serve` is ready: a photo came through a short while ago."""
    click.echo(ask_gateway(get_settings(), "/healthz" if alive else "/readyz", timeout))


@probe.command()
@click.option("--alive", is_flag=True, help="Whether it works; that it is full, or busy with other photos, will do.")
@_TIMEOUT
def triton(alive: bool, timeout: float) -> None:
    """Whether `limner triton` is ready: a tiny photo is enhanced.

    Triton's own word does not do: it calls itself ready when its models have died.
    """
    click.echo(ask_triton(get_settings(), timeout, full_is_healthy=alive))


def ask_gateway(settings: Settings, path: str, timeout: float) -> str:
    """``alive`` or ``ready``, as the gateway puts it.

    Raises:
        NotHealthy: it does not answer, or says why it is not ready.
    """
    address = own_url(settings.host, settings.port)
    if settings.tls_cert is None:
        connection = http.client.HTTPConnection(address, timeout=timeout)
    else:
        # The certificate names the world's address of this machine, not the one that is asked here.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(address, timeout=timeout, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        status, content = answer.status, json.loads(answer.read(65_536))
        if not isinstance(content, dict):
            raise ValueError("it is no gateway of Limner")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotHealthy(f"The gateway at {address} does not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise NotHealthy(f"The gateway answered {status}: {content.get('detail', '')}")
    return str(content.get("status", ""))


def ask_triton(settings: Settings, timeout: float, *, full_is_healthy: bool) -> str:
    """``ready``, or ``full`` where that is healthy, too.

    Raises:
        NotHealthy: a canary did not come through.
    """
    from tritonclient import grpc  # noqa: PLC0415 - heavy, and nothing that a probe of the gateway needs

    from limner.canary import LIGHT_PARAMETERS  # noqa: PLC0415
    from serving.canary import CanaryFailed, CanaryRefused, send_canary_among_others  # noqa: PLC0415

    endpoint = Endpoint(settings.triton_grpc_port, settings.triton_metrics_port, host=settings.triton_host)
    with grpc.InferenceServerClient(endpoint.url) as client:
        try:
            send_canary_among_others(client, endpoint, LIGHT_PARAMETERS, timeout)
        except CanaryRefused as error:
            if full_is_healthy:
                return "full"
            raise NotHealthy(error.message) from None
        except CanaryFailed as error:
            raise NotHealthy(error.message) from None
    return "ready"
