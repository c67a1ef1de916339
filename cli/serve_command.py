"""``limner serve``: Triton and the gateway, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib

import click
import uvicorn

from cli.embedded import stopped_by_sigterm, triton_server
from gateway.access.exposure import check_exposure
from gateway.access.keys import KeyRing
from gateway.app import create_app
from gateway.drain import drain, unfinished
from gateway.logs import configure_logging
from gateway.places import check_places
from gateway.server import build_server
from gateway.tls import tls_context
from limner.errors import SettingsError
from limner.settings import Settings, get_settings
from serving.process import require_free_port

_READY = """
Limner is ready:  {url}
Triton gRPC:      {triton}
Try it:           curl -F file=@photo.jpg {url}/v1/enhance -o enhanced.jpg
Stop it:          Ctrl-C
"""


@click.command()
def serve() -> None:
    """Start everything and listen on LIMNER_HOST:LIMNER_PORT (127.0.0.1:8000).

    Models are exported first where that is still to be done. Settings are environment variables: docs/settings.md.
    """
    configure_logging()
    settings = get_settings()
    # Now, rather than after minutes of export and start.
    check_exposure(settings, KeyRing.from_settings(settings))
    tls_context(settings)
    asyncio.run(check_places(settings))
    require_free_port(settings.host, settings.port, "LIMNER_PORT")
    with (
        contextlib.suppress(KeyboardInterrupt),
        stopped_by_sigterm(),
        triton_server(settings, click.echo, fixed_ports=True) as triton_url,
    ):
        asyncio.run(_listen(settings, triton_url))
    click.echo("Limner has stopped.")


async def _listen(settings: Settings, triton_url: str) -> None:
    app = create_app(settings, triton_url)

    async def finish() -> None:
        if left := unfinished(app.state.services):
            click.echo(f"{left} Waiting up to {settings.shutdown_timeout:g} s for that; Ctrl-C again stops at once.")
        await drain(app.state.services)

    server = build_server(app, settings, finish)
    announcement = asyncio.create_task(_announce(server, settings, triton_url))
    try:
        await server.serve()
    finally:
        announcement.cancel()
    if error := getattr(app.state, "failure", None):
        raise error
    if not server.started:
        raise SettingsError(f"Nothing can listen on {settings.host}:{settings.port}. Set LIMNER_HOST or LIMNER_PORT.")


async def _announce(server: uvicorn.Server, settings: Settings, triton_url: str) -> None:
    """Say where to go once somebody would be answered there."""
    while not server.started:
        await asyncio.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(_READY.format(url=f"{scheme}://{host}:{port}", triton=triton_url))
