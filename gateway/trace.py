"""W3C Trace Context: which trace a request belongs to, and what Triton is told of it.

https://www.w3.org/TR/trace-context-2/. What a client sends is checked to the letter before it is passed on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

MAX_TRACESTATE_CHARACTERS: Final = 512
MAX_TRACESTATE_MEMBERS: Final = 32

_SAMPLED: Final = 0x01
_RANDOM: Final = 0x02

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_MEMBER = re.compile(
    r"(?P<key>[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ !-+\--<>-~]{0,255}[!-+\--<>-~]"
)


@dataclass(frozen=True)
class Trace:
    """A request's place in its trace: ids in hex, the span is this gateway's."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""

    def headers(self) -> dict[str, str]:
        """What the next one is told: our span as the parent of its own."""
        headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        if self.state:
            headers["tracestate"] = self.state
        return headers


TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the request that is being answered; tasks begun meanwhile keep it."""


def begin_trace(headers: Iterable[tuple[bytes, bytes]]) -> Trace:
    """Go on with the trace that a request's raw ``headers`` name; a new one where they name none, or a wrong one."""
    parents, states = [], []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value.decode("latin-1").strip(" \t"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    parent = _parse(parents[0]) if len(parents) == 1 else None
    if parent is None:
        # Sampled, because our log lines are a record of it.
        return Trace(secrets.token_hex(16), _new_span(), _SAMPLED | _RANDOM)
    trace_id, flags = parent
    return Trace(trace_id, _new_span(), flags, _checked_state(",".join(states)))


def outgoing_headers() -> dict[str, str] | None:
    """Headers for a call made on behalf of the request that is being answered; None where there is none.

    A Triton that traces in OpenTelemetry mode traces every call that has them, whatever its own rate says.
    """
    trace = TRACE.get()
    return None if trace is None else trace.headers()


def _new_span() -> str:
    return secrets.token_hex(8)


def _parse(traceparent: str) -> tuple[str, int] | None:
    """The trace's id and its flags. A later version is read as far as this one goes, as the standard asks."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"] is not None):
        return None
    if not match["trace"].strip("0") or not match["parent"].strip("0"):
        return None
    return match["trace"], int(match["flags"], 16) & (_SAMPLED | _RANDOM)


def _checked_state(tracestate: str) -> str:
    """The list as it is to be passed on, shortened from its end; empty where any of it is malformed."""
    members = [member for part in tracestate.split(",") if (member := part.strip(" \t"))]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match["key"] for match in matches if match is not None}
    if len(members) > MAX_TRACESTATE_MEMBERS or len(keys) < len(members):
        return ""
    while len(",".join(members)) > MAX_TRACESTATE_CHARACTERS:
        members.pop()
    return ",".join(members)
