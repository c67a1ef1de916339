"""How the gateway goes: first nobody new, then what runs, then what waits to be fetched, then everything is wiped."""

from __future__ import annotations

import asyncio

from gateway.services import Services

_LOOK_SECONDS = 0.1


async def drain(services: Services) -> None:
    """Answer no more uploads, and wait until nothing runs and nothing is left to fetch.

    The server cancels it when ``LIMNER_SHUTDOWN_TIMEOUT`` is over. Results in Redis need no waiting: another gateway
    delivers them.
    """
    services.queue.closed = True
    try:
        while unfinished(services):
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        services.desk.closing.set()  # event streams would keep the server waiting


def unfinished(services: Services) -> str:
    """What the gateway cannot leave yet, in words; empty where it may go."""
    waiting = 0 if services.settings.redis_url is not None else services.desk.shelf.unfetched
    if services.queue.admitted or services.desk.busy or waiting:
        return f"{services.queue.admitted} tasks are inside, {waiting} results are not fetched."
    return ""
