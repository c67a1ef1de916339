"""The notation of ``LIMNER_TRITON_URL``: ``host:port``, or several of them separated by commas."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
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
    found: dict[HostPort, None] = {}
    for part in (part.strip() for part in text.split(",")):
        match = _ENDPOINT.fullmatch(part)
        port = int(match["port"]) if match else 0
        if match is None or not 0 < port < 65_536:
            raise ValueError(
                "must be host:port, for example 127.0.0.1:8001 or [::1]:8001, or several separated by commas"
            )
        host = str(IPv6Address(match["ipv6"])) if match["ipv6"] else match["host"]
        found[HostPort(host, port)] = None
    return tuple(found)
