"""The label of AI-made content, read back by an XML parser: ``<number>NUL<producer>``."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from ensemble.label import TC260_NAMESPACE, ai_label


def seeds() -> list[bytes]:
    return [
        b"00ff\0Limner",
        "1\0公司 <&>\"'".encode(),
        b"]]>\0<?xpacket end='w'?>{value}",
        b"\xed\xa0\x80\0\xef\xbf\xbe\r\n",
    ]


def check(data: bytes) -> None:
    number, _, producer = _text(data).partition("\0")
    packet = ai_label(number, producer)
    assert packet == ai_label(number, producer)
    told = ElementTree.fromstring(packet.decode()).find(f".//{{{TC260_NAMESPACE}}}AIGC")
    assert told is not None
    fields = json.loads(told.text or "")
    assert (fields["ProduceID"], fields["ContentProducer"], fields["Label"]) == (number, producer, "1")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
