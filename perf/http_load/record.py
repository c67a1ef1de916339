"""What locust writes down while it runs, one JSON object a line, and how it is read again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

ANSWERED, REFUSED = "answered", "refused"


@dataclass(frozen=True)
class Call:
    """A call. ``at`` is when it began, in seconds of the run; ``outcome`` what failed, where neither of the above."""

    row: ClassVar = "call"
    at: float
    name: str
    seconds: float
    outcome: str


@dataclass(frozen=True)
class HandedIn:
    """The gateway took photo ``number``, of the kind with this name."""

    row: ClassVar = "handed_in"
    at: float
    number: int
    kind: str


@dataclass(frozen=True)
class Ended:
    """What became of photo ``number``: fetched, deleted, failed, or ``lost`` and how."""

    row: ClassVar = "ended"
    at: float
    number: int
    end: str


@dataclass(frozen=True)
class Sample:
    """Users connected, how many seconds later than asked locust was woken up, and cores that the machine had in use."""

    row: ClassVar = "sample"
    at: float
    users: int
    late: float
    cores: float


@dataclass(frozen=True)
class Fault:
    """An exception in a user's own code, or in what a gateway answered."""

    row: ClassVar = "fault"
    at: float
    text: str


@dataclass(frozen=True)
class Stopped:
    """The last line: processor time, in seconds, of the locust process."""

    row: ClassVar = "stopped"
    at: float
    cpu: float


Row = Call | HandedIn | Ended | Sample | Fault | Stopped
_ROWS: dict[str, type[Row]] = {kind.row: kind for kind in (Call, HandedIn, Ended, Sample, Fault, Stopped)}


class Recorder:
    """Writes rows to ``path``; the run begins now."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._begin = time.monotonic()

    def now(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self._begin, 4)

    def write(self, row: Row) -> None:
        self._file.write(json.dumps({"row": row.row, **asdict(row)}) + "\n")

    def close(self) -> None:
        self._file.close()


def read(lines: Iterable[str]) -> list[Row]:
    """The rows of what a :class:`Recorder` wrote."""
    rows = []
    for line in lines:
        fields = json.loads(line)
        rows.append(_ROWS[fields.pop("row")](**fields))
    return rows
