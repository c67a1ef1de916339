"""The time of day, as it was at start, and what has gone by since.

Results must go when their time is up, and not before: a clock that is set an hour back would keep photos for an hour
more, and one that is set on would take results from who has yet to fetch them. Sleep of the machine counts.
"""

from __future__ import annotations

import time


def _gone_by() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_ORIGIN = time.time() - _gone_by()


def now() -> float:
    """Seconds since 1970; never goes back, and never jumps. Gateways that share tasks start with the right time."""
    return _ORIGIN + _gone_by()
