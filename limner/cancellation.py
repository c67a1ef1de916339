"""How a cancellation reaches the steps.

Triton 2.51 tells a model that its own request was cancelled, but not the requests that this model has made in turn
(BLS). So the entry model gives each photo a random token, and raises a flag under that name when its caller is gone;
the steps look for the flag. A flag is an empty file in shared memory: no byte of a photo is in it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

PARAMETER = "limner_cancellation"
"""Name of the request parameter that carries the token."""

_TOKEN = re.compile(r"[0-9a-f]{32}")
_FLAGS = Path("/dev/shm")  # noqa: S108 - the names are random, 96 bits


def new_token() -> str:
    """Begins with the id of this process, so that its flags can be found when it has died."""
    return f"{os.getpid():08x}{secrets.token_hex(12)}"


def token_of(request: Any) -> str | None:
    """The token that came with a request; None where there is none, or it is not one of ours."""
    token = json.loads(request.parameters() or "{}").get(PARAMETER)
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def raise_flag(token: str) -> None:
    _flag(token).touch(mode=0o600)


def lower_flag(token: str) -> None:
    _flag(token).unlink(missing_ok=True)


def is_raised(token: str | None) -> bool:
    return token is not None and _flag(token).exists()


def lower_flags_of(pid: int) -> None:
    """Take away what a process that has died left raised."""
    for flag in _FLAGS.glob(f"limner_cancelled_{pid:08x}*"):
        flag.unlink(missing_ok=True)


def _flag(token: str) -> Path:
    return _FLAGS / f"limner_cancelled_{token}"
