"""The label of AI-made content: sound XML, sound JSON, and read back from every format as its page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ensemble.encode import encode_photo, encode_png_16_bit
from ensemble.label import IPTC_NAMESPACE, SOURCE_TYPE, TC260_NAMESPACE, ai_label
from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT, Settings
from tests.ensemble.files import noise, rgb_profile

PAGE = (PROJECT_ROOT / "docs" / "labelling.md").read_text("utf-8")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
NUMBER = "0123456789abcdef0123456789abcdef"
NAMES = [
    "Limner",
    "001191110108MA01KP2T5U00000",
    "某某科技有限公司",
    "a \"quoted\" <name> & 'Co.' ]]> &amp; \\",
    "{value} {0} %s",
    "\u202eemoji 😀 \u0085",
    "not for XML: \ufffe \uffff \udcff \x00 \x1b \r\n",
]


def description(packet: bytes) -> ElementTree.Element:
    """The one rdf:Description of a packet."""
    root = ElementTree.fromstring(packet)
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    (found,) = root.findall(f"{RDF}RDF/{RDF}Description")
    assert found.attrib == {f"{RDF}about": ""}
    return found


@pytest.mark.parametrize("place", ["producer", "number"])
@pytest.mark.parametrize("text", NAMES)
def test_any_text_comes_back(text: str, place: str) -> None:
    producer, number = (text, NUMBER) if place == "producer" else ("Limner", text)
    found = description(ai_label(number, producer))
    assert [child.tag for child in found] == [
        f"{{{TC260_NAMESPACE}}}AIGC",
        f"{{{IPTC_NAMESPACE}}}DigitalSourceType",
    ]
    assert json.loads(found[0].text or "") == {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": number,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    assert found[1].text == SOURCE_TYPE


def test_names_are_those_that_readers_look_for() -> None:
    """Scanners compare bytes: the usual prefixes, quotes and Chinese not escaped."""
    text = ai_label(NUMBER, "某某科技").decode()
    assert 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"' in text
    assert '<TC260:AIGC>{"Label":"1","ContentProducer":"某某科技","ProduceID":"0123' in text
    assert 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"' in text
    assert ">http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia<" in text
    assert text.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert text.endswith('<?xpacket end="r"?>')


def test_longest_producer_fits_a_jpeg_segment() -> None:
    (longest,) = (
        part.max_length for part in Settings.model_fields["ai_label_producer"].metadata if "Len" in repr(part)
    )
    assert len(ai_label(NUMBER, "&" * longest)) < 65_504


def labelled(pixels: UInt8, kind: str) -> bytes:
    """A file of ``kind`` with everything in it that may go into one."""
    packet, alpha = ai_label(NUMBER, "某某科技"), noise(1, *pixels.shape[:2])
    if kind == "16-bit png":
        values = np.asarray(pixels.astype(np.uint16) * 257, np.uint16)
        return encode_png_16_bit(values, alpha, False, rgb_profile(), packet)
    return encode_photo(pixels, alpha, kind, 95, False, rgb_profile(), packet)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "16-bit png"])
def test_example_of_the_page_reads_the_label(
    portrait: UInt8,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "result.jpg").write_bytes(labelled(portrait, kind))  # Pillow goes by content, not by name
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/labelling.md", "exec"), {})
    fields, source_type = capsys.readouterr().out.splitlines()
    assert f"'ContentProducer': '某某科技', 'ProduceID': '{NUMBER}'" in fields
    assert source_type == SOURCE_TYPE


def test_page_shows_the_label_as_it_is() -> None:
    (shown,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
    packet = ai_label(NUMBER, "Limner")
    assert shown.strip().replace(' begin=""', ' begin="\ufeff"').encode() == packet
    assert f"{len(packet)} bytes" in PAGE


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_page_tells_the_cost_in_bytes(portrait: UInt8, kind: str) -> None:
    """An opaque WebP without a profile needs an extended header as well."""
    packet = ai_label(NUMBER, "Limner")
    plain, more = (encode_photo(portrait, None, kind, 90, False, None, xmp) for xmp in (None, packet))
    assert re.search(rf"^\| {kind}\b.*\| {len(more) - len(plain)} \|$", PAGE, re.MULTILINE | re.IGNORECASE)


def test_page_names_the_settings() -> None:
    for name in ("ai_label", "ai_label_producer"):
        assert f"`LIMNER_{name.upper()}" in PAGE
        assert name in Settings.model_fields
