from __future__ import annotations

import pytest

from limner.endpoints import parse_endpoints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8001", [("127.0.0.1", 8001)]),
        ("triton:8001", [("triton", 8001)]),
        ("[::1]:8001", [("::1", 8001)]),
        ("one:8001,two:8002", [("one", 8001), ("two", 8002)]),
        (" one:8001 , [0:0:0:0:0:0:0:1]:65535 ", [("one", 8001), ("::1", 65535)]),
        ("one:8001,two:8001,one:8001", [("one", 8001), ("two", 8001)]),
    ],
)
def test_one_or_several(text: str, expected: list[tuple[str, int]]) -> None:
    assert list(parse_endpoints(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "one", "one:", ":8001", "one:grpc", "one:0", "one:65536", "one:²", "one:8001,", "one:8001,two"),
        *("one:8001,,two:8001", "one:8001;two:8001", "one:8001 two:8001", "http://one:8001", "unix:/one:8001"),
        *("me@one:8001", "::1:8001", "[::1]", "[::1:8001", "[one]:8001", "[1.2.3.4]:8001", "[:::]:8001"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port, for example"):
        parse_endpoints(text)


@pytest.mark.parametrize("text", ["one:8001", "10.0.0.1:8001", "[::1]:8001"])
def test_written_as_it_is_read(text: str) -> None:
    (endpoint,) = parse_endpoints(text)
    assert str(endpoint) == text
