"""Where the gateway keeps what lasts longer than a request: its audit log and its state."""

from __future__ import annotations

from gateway.audit import Audit
from gateway.state.opening import open_store
from limner.settings import Settings


async def check_places(settings: Settings) -> None:
    """Find out, before anything is started, that one of them is of no use. A Redis that is away is waited for.

    Raises:
        SettingsError: the audit log cannot be opened, or Redis refuses the connection or writes to disk.
    """
    Audit.from_settings(settings).close()
    store = open_store(settings)
    try:
        await store.check()
    finally:
        await store.close()
