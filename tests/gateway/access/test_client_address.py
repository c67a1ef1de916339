"""The address of a client: whose word about it is taken, and in which forms it comes."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.client import address_name, parse_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))

TRUSTED = st.integers(0, 2**24 - 1).map(lambda number: str(ipaddress.IPv4Address((10 << 24) + number)))
FOREIGN = st.ip_addresses(v=4).map(str).filter(lambda text: not text.startswith("10."))
GARBAGE = st.sampled_from(["unknown", "_hidden", "10.0.0", "1.2.3.4.5", "[::1", "1.2.3.4:port", "10.0.0.1;", "?"])
ANYTHING = st.one_of(TRUSTED, FOREIGN, GARBAGE, st.text(st.characters(exclude_characters=","), max_size=20))


@pytest.mark.parametrize(
    ("peer", "forwarded", "name"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # nobody's word
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # the first was written by the client
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.0.0.2 , 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, , "], "198.51.100.1"),  # empty elements of a list do not count, RFC 9110 5.6.1
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("fd00::1%eth0", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", ["198.51.100.1"], "fe80::/64"),
        ("::1", ["198.51.100.1"], "::/64"),
        (None, ["198.51.100.1"], "unknown"),
        ("", ["198.51.100.1"], "unknown"),
        ("testclient", ["198.51.100.1"], "unknown"),
    ],
)
def test_name(peer: str | None, forwarded: list[str], name: str) -> None:
    assert address_name(peer, forwarded, PROXIES) == f"address:{name}"


@given(st.lists(ANYTHING, max_size=6), FOREIGN, st.lists(TRUSTED, max_size=4))
def test_what_a_client_writes_changes_nothing(forged: list[str], client: str, proxies: list[str]) -> None:
    """The proxies append; whatever stood there before, the client is whom the outermost proxy saw."""
    *_, peer = [client, *proxies]
    honest = [client, *proxies][:-1]
    assert address_name(peer, [", ".join([*forged, *honest])], PROXIES) == f"address:{client}"
    assert address_name(peer, [*forged, *honest], PROXIES) == f"address:{client}"


@given(FOREIGN, st.lists(ANYTHING, max_size=6))
def test_without_trusted_proxies_the_header_is_nothing(peer: str, forwarded: list[str]) -> None:
    assert address_name(peer, forwarded, ()) == f"address:{peer}"


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4))
def test_any_text_gives_a_name(peer: str, forwarded: list[str]) -> None:
    name = address_name(peer, forwarded, (ipaddress.ip_network("0.0.0.0/1"), ipaddress.ip_network("::/1")))
    assert name == "address:unknown" or ipaddress.ip_network(name.removeprefix("address:"))


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_a_site_has_one_name(one: ipaddress.IPv6Address, other: ipaddress.IPv6Address) -> None:
    beside = ipaddress.IPv6Address((int(one) >> 64 << 64) | (int(other) & (2**64 - 1)))
    if one.ipv4_mapped is None and beside.ipv4_mapped is None:
        assert address_name(str(one), [], ()) == address_name(str(beside), [], ())


@given(st.ip_addresses(), st.integers(0, 65535))
def test_port_brackets_and_zone_are_taken_off(address: ipaddress.IPv4Address, port: int) -> None:
    expected = getattr(address, "ipv4_mapped", None) or address
    assert parse_address(str(address)) == expected
    assert parse_address(f"[{address}]") == expected
    assert parse_address(f"[{address}]:{port}") == expected
    assert parse_address(f"{address}%eth0") == expected
    if address.version == 4:
        assert parse_address(f"{address}:{port}") == expected


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:٣", "[::1", "[::1]x", "[::1]:", "::1]", "01.2.3.4"]
)
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None
