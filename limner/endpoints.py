"""The notation of ``LIMNER_TRITON_URL``: ``host:port``, or several of them separated by commas."""

from __future__ import annotations

import contextlib
import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

_ENDPOINT = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/,@\[\]]+)):(?P<port>[0-9]{1,5})")


class HostPort(NamedTuple):
    """A host, by name or address (of IPv6 without its brackets), and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoints(text: str) -> tuple[HostPort, ...]:
    """The endpoints that ``text`` names, each once, in its order.

    Raises:
        ValueError: it is something else.
    """
    return tuple(dict.fromkeys(_parse(part.strip()) for part in text.split(",")))


def _parse(text: str) -> HostPort:
    if (match := _ENDPOINT.fullmatch(text)) and 0 < int(match["port"]) < 65_536:
        with contextlib.suppress(AddressValueError):
            host = str(IPv6Address(match["ipv6"])) if match["ipv6"] else match["host"]
            return HostPort(host, int(match["port"]))
    raise ValueError("must be host:port, for example 127.0.0.1:8001 or [::1]:8001, or several separated by commas")
