"""Who is calling: a key's holder, or an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_SITE_BITS = 64
"""A site has at least this much of IPv6 to itself (RFC 6177), so that one address says nothing."""


@dataclass(frozen=True)
class Client:
    """Whoever sent a request.

    Attributes:
        name: whose quota is spent: ``key:alice``, ``address:203.0.113.7`` or ``address:2001:db8:1:2::/64``.
        owner: the key's name, which the records of tasks carry; empty where no keys are set up.
        roles: what the client may do; see :data:`gateway.access.keys.ROLES`.
        limit: the key's own rate limit; None takes ``LIMNER_RATE_LIMIT``.
    """

    name: str
    owner: str
    roles: frozenset[str]
    limit: str | None = None


def address_name(peer: str | None, forwarded: Iterable[str], trusted: Networks) -> str:
    """What a client without a key is called.

    Args:
        peer: the other end of the connection; None on a Unix socket, where nobody's word is taken.
        forwarded: the lines of ``X-Forwarded-For``, in order.
        trusted: proxies that are believed.

    Every proxy appends the address that it was called from. So the last entry is true if the peer is trusted, the
    one before it if the last is trusted, too, and so on: the rest anybody may have written.
    """
    address = parse_address(peer or "")
    if address is None:
        return "address:unknown"
    hops = [hop.strip() for line in forwarded for hop in line.split(",") if hop.strip()]
    while hops and any(address in network for network in trusted):
        claimed = parse_address(hops.pop())
        if claimed is None:
            break
        address = claimed
    if address.version == 4:
        return f"address:{address}"
    return f"address:{ipaddress.IPv6Network((int(address), _SITE_BITS), strict=False)}"


def parse_address(text: str) -> Address | None:
    """An IP address without the port, brackets and zone that may surround it; IPv4 in IPv6's form is IPv4.

    Returns:
        None where ``text`` is no address.
    """
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not _is_port(port)):
            return None
    elif text.count(":") == 1:
        text, colon, port = text.partition(":")
        if not _is_port(colon + port):
            return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()
