"""No parser: a fault that coverage leads to and chance does not, for the test of the fuzzer itself."""

from __future__ import annotations


def seeds() -> list[bytes]:
    return [b"a good input"]


def check(data: bytes) -> None:
    if data[:1] == b"f" and data[1:2] == b"a" and data[2:3] == b"u":
        raise ZeroDivisionError
