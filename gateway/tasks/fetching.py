"""Whether a result may be fetched."""

from __future__ import annotations

from gateway.access.client import Client
from gateway.state.record import Record
from limner.errors import Gone, NotCompleted, NotFound

_RETRY_SECONDS = 1


def require_finished(record: Record, client: Client) -> None:
    """Let those pass that ask for a result of their own that is there.

    Raises:
        NotFound: it is somebody else's; an admin may see and delete, but not have it.
        NotCompleted: it is not there yet, or never will be.
        Gone: it was there.
    """
    if record.client != client.owner:
        raise NotFound("There is no such task.")
    if record.running:
        raise NotCompleted("The result is not there yet. Ask again when the status is 'completed'.", _RETRY_SECONDS)
    if record.status == "failed":
        raise NotCompleted(f"There is no result, for the task failed: {record.error_message}")
    if record.status == "cleaned":
        raise Gone("The result was fetched, deleted or has expired. Send the photo again.")
