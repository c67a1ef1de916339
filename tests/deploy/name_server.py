"""A DNS server on loopback that knows one name, as Docker's knows a service: all addresses of its containers."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHHIH4s")
_ANSWER = 0x8180
"""Flags: an answer to a query that wanted recursion, without an error."""

_ADDRESS, _INTERNET, _SECONDS = 1, 1, 600
_NAME_OF_THE_QUESTION = 0xC00C
"""RFC 1035, 4.1.4: a pointer to it."""


class NameServer:
    """Answers every question for an address with ``addresses``, which may be replaced at any time."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.questions = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self.questions += 1
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        number = _HEADER.unpack_from(query)[0]
        end = query.index(b"\0", _HEADER.size) + 5
        kind = struct.unpack_from(">H", query, end - 4)[0]
        addresses = self.addresses if kind == _ADDRESS else ()
        records = [
            _RECORD.pack(_NAME_OF_THE_QUESTION, _ADDRESS, _INTERNET, _SECONDS, 4, ipaddress.IPv4Address(address).packed)
            for address in addresses
        ]
        return _HEADER.pack(number, _ANSWER, 1, len(records), 0, 0) + query[_HEADER.size : end] + b"".join(records)
