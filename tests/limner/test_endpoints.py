from __future__ import annotations

import pytest

from limner.endpoints import HostPort, parse_endpoints


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
        *(
            "",
            ",",
            "one",
            "one:",
            ":8001",
            "one:grpc",
            "one:0",
            "one:65536",
            "one:²",
            "one:8001,",
            "one:8001,,two:8001",
        ),
        *("one:8001;two:8001", "one:8001 two:8001", "one:8001,two", "http://one:8001", "unix:/one:8001", "me@one:8001"),
        *("::1:8001", "[::1]", "[::1:8001", "[one]:8001", "[1.2.3.4]:8001", "[:::]:8001"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^must be host:port, for example"):
        parse_endpoints(text)


def test_written_as_grpc_wants_it() -> None:
    assert [str(HostPort(host, 8001)) for host in ("one", "10.0.0.1", "::1")] == [
        "one:8001",
        "10.0.0.1:8001",
        "[::1]:8001",
    ]
