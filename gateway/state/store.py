"""What a store of tasks can do. One lives in this process, one in Redis."""

from __future__ import annotations

from typing import Protocol

from gateway.state.record import Record

TOMBSTONE_SECONDS = 600.0
"""How long a store still knows that a finished task once was, so that its result is gone (410), not unknown (404)."""

RUNNING_TTL_SECONDS = 86_400.0
"""A store forgets a running task that its gateway has not written for this long."""


class Store(Protocol):
    """Records and sealed blobs by the name of their task (:func:`gateway.state.sealing.name_of`).

    Every method may raise StateUnavailable: the store is away, or full.
    """

    async def check(self) -> None:
        """Whether the store may be used as it is set up; to be called at start. One that is away is no reason to stop.

        Raises:
            SettingsError: it writes what it holds to disk.
        """

    async def read(self, name: str) -> Record | None:
        """The record, or None where there is none (any more)."""

    async def write(self, name: str, record: Record) -> bool:
        """Create or replace the record of a task that runs, in one step. The same record again does no harm.

        Returns:
            False, and nothing is written, where the task is over already: somebody deleted it, or declared its
            gateway dead. Whoever works on it should stop.
        """

    async def clean(self, name: str) -> Record | None:
        """Drop all blobs and the salt, and set the status ``cleaned``, in one step; the record as it was before."""

    async def put_blob(self, name: str, part: str, sealed: bytearray, expires: float) -> None:
        """Keep something sealed until ``expires`` (seconds since 1970). The store owns ``sealed`` from now on.

        Of a task that is cleaned nothing is kept.
        """

    async def keep_blobs(self, name: str, expires: float) -> None:
        """Keep all blobs of a task until ``expires``: those of a long batch must not go while it runs."""

    async def get_blob(self, name: str, part: str) -> bytes | bytearray | None:
        """Something sealed, which stays."""

    async def has_blob(self, name: str, part: str) -> bool:
        """Whether something is there."""

    async def take_blob(self, name: str, part: str, taker: str = "") -> bytes | bytearray | None:
        """Something sealed, which is gone from the store: of two that ask, one gets it.

        After a StateUnavailable it may be gone all the same. ``taker``, random, gets it when it asks again soon; what
        is taken without one is lost then.
        """

    async def return_blob(self, name: str, part: str, taker: str, expires: float) -> None:
        """Undo a :meth:`take_blob` that ended in StateUnavailable: others may have it, until ``expires``.

        Of a task that is cleaned nothing comes back.
        """

    async def beat(self, owner: str) -> None:
        """Say that the gateway ``owner`` lives; to be repeated every second."""

    async def is_alive(self, owner: str) -> bool:
        """Whether ``owner`` has said so within the last seconds."""

    @property
    def held(self) -> int:
        """Bytes of blobs in the memory of this process."""

    async def close(self) -> None:
        """Overwrite what this process holds and let go of connections."""
