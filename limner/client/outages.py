"""A server that goes away while it has a task of ours: one that is started anew, or a network that drops."""

from __future__ import annotations

import time

from limner.errors import ServerUnreachable

OUTAGE_SECONDS = 60.0
"""How long the server may be away, from the first broken connection on."""

FIRST_PAUSE = 1.0
"""The server notices a broken download only then, and keeps the result."""

LONGEST_PAUSE = 8.0


class Outage:
    """The pauses until the server is back; there is one at least, however long a connection took to break.

    Args:
        result: where the result is, below the server's address.
    """

    def __init__(self, result: str) -> None:
        self._result = result
        self._until: float | None = None
        self._pause = FIRST_PAUSE

    def next(self, error: ServerUnreachable) -> float:
        """Seconds to wait after ``error``: twice as long each time.

        Raises:
            ServerUnreachable: the server has been away for too long; says where the result is found later.
        """
        now = time.monotonic()
        if self._until is None:
            self._until, self._pause = now + OUTAGE_SECONDS, FIRST_PAUSE
        left = self._until - now
        if left <= 0:
            raise ServerUnreachable(
                f"{error.message} The server may still finish what it was sent: "
                f"once it is back, the result is at {self._result} below its address until it expires."
            ) from None
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return min(pause, left)

    def over(self) -> None:
        """The server answers again."""
        self._until = None
