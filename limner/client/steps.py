"""What a flow asks to be done: the only places where the synchronous and the asynchronous client differ."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

import httpx

CONNECT_SECONDS = 10.0
SEND_SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request. ``silence`` is the longest time without a byte of the answer, in seconds."""

    method: str
    path: str
    silence: float = 60.0
    fields: Mapping[str, str] = field(default_factory=dict)
    file: tuple[str, bytes | BinaryIO] | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments for ``build_request`` of an httpx client."""
        form: dict[str, Any] = {}
        if self.file is not None:
            form = {"data": self.fields, "files": {"file": (*self.file, "application/octet-stream")}}
        timeout = httpx.Timeout(self.silence, connect=CONNECT_SECONDS, write=SEND_SECONDS, pool=None)
        return {"method": self.method, "url": self.path, "timeout": timeout, **form}


@dataclass(frozen=True)
class Open:
    """Send a request; gives the httpx.Response, its body unread. One that was open before is closed."""

    call: Call


@dataclass(frozen=True)
class Read:
    """Give the next bytes of the open response, or None after the last."""


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Do:
    """Call a function that may take long, such as a write to disk; gives what it returns."""

    function: Callable[[], object]


Step = Open | Read | Pause | Do
Flow = Generator[Step, Any, T]
"""Yields steps, is sent what they give or thrown what they raise, and returns a T."""
