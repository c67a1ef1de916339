"""Wait until a Triton has no photo at work: told to stop, it lets its models call each other no more."""

from __future__ import annotations

import http.client
import time

from serving.photo_metrics import photos_at_work
from serving.process import Endpoint

_LOOK_SECONDS = 0.5
_IDLE_LOOKS = 4
"""So many in a row: gateways that send photos here may not have heard yet that it stops."""


def drain(endpoint: Endpoint, seconds: float) -> int:
    """Wait until no photo has been at work for two seconds, ``seconds`` at most. Gives how many are left."""
    deadline = time.monotonic() + seconds
    idle = 0
    while True:
        try:
            left = photos_at_work(endpoint)
        except (OSError, http.client.HTTPException):
            return 0  # it is gone, and so are they
        idle = 0 if left else idle + 1
        if idle == _IDLE_LOOKS or time.monotonic() >= deadline:
            return left
        time.sleep(_LOOK_SECONDS)
