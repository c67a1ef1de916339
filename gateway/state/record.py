"""What is known of a task: times, counts and states, nothing of what is in a photo.

A store may hold records in the clear. Names of files, reports and results are sealed: :mod:`gateway.state.sealing`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from limner.errors import StateUnavailable

Status = Literal["pending", "processing", "completed", "failed", "cleaned"]
Kind = Literal["photo", "batch"]

RESULT_PART: dict[Kind, str] = {"photo": "result", "batch": "index"}
"""What is taken out of the store first when a result is fetched: of two that ask, one gets it."""

RUNNING: frozenset[Status] = frozenset({"pending", "processing"})
"""A task in one of these has a gateway that works on it; from the others it never comes back to them."""


@dataclass(frozen=True)
class Record:
    """One photo or one batch.

    Attributes:
        owner: id of the gateway that works on it.
        client: whose key it was sent with, as the key's name; empty where no keys are set up.
        salt: hex; with the task's id it makes the key of what is sealed. Empty once that is gone for good.
        created, started, finished: seconds since 1970.
        expires: when the result is wiped, seconds since 1970; 0 while the task runs.
        queue_position: 1 is next; None once its turn has come.
        estimate: seconds that the work is expected to take, learned from earlier tasks; None where nothing was learned.
        result_bytes: of the result, before it was sealed.
        error_type, error_message: of a failed task, as a problem tells them.
    """

    kind: Kind
    status: Status
    owner: str
    client: str
    salt: str
    created: float
    started: float | None = None
    finished: float | None = None
    expires: float = 0.0
    queue_position: int | None = None
    estimate: float | None = None
    result_bytes: int = 0
    total_files: int = 0
    processed_files: int = 0
    failed_files: int = 0
    skipped_files: int = 0
    error_type: str | None = None
    error_message: str | None = None

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(text: str | bytes) -> Record:
        """The record; fields of a newer gateway are passed over, for replicas are updated one after the other.

        Raises:
            StateUnavailable: it is of a gateway whose tasks this one does not understand.
        """
        try:
            known = json.loads(text)
            record = Record(**{field.name: known[field.name] for field in fields(Record) if field.name in known})
            understood = record.status in get_args(Status) and record.kind in get_args(Kind)
        except (ValueError, TypeError):
            understood = False
        if not understood:
            raise StateUnavailable(
                "The task is of another version of the server, which this one does not understand. Try again in a few "
                "seconds."
            )
        return record
