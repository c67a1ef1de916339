"""Records and times for tests of stores."""

from __future__ import annotations

import time
from typing import Any

from gateway.state.record import Record, Status
from gateway.state.sealing import new_salt


def make_record(status: Status = "processing", **fields: Any) -> Record:
    """A record of the gateway ``me``; one that is over expires in five minutes."""
    if status not in ("pending", "processing"):
        fields = {"finished": time.time(), "expires": later(), **fields}
    return Record("photo", status, **{"owner": "me", "client": "", "salt": new_salt(), "created": 1.5, **fields})


def later() -> float:
    """In five minutes, as seconds since 1970."""
    return time.time() + 300.0
