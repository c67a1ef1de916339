"""The label of AI-made content that goes into the metadata of results.

``TC260:AIGC`` is the implicit label of China's GB 45438-2025, appendix E, written as XMP the way the practice guide
TC260-PG-20258A does; ``Iptc4xmpExt:DigitalSourceType`` is IPTC's word for the same.
"""

from __future__ import annotations

import html
import json
import re

TC260_NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
IPTC_NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""A picture that a trained network had a part in, as distinct from one that it made up."""

_CERTAIN = "1"
"""Label 1: AI-made. 2 and 3 (perhaps, suspected) are for platforms that find content of others."""

_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:TC260="{tc260}" xmlns:Iptc4xmpExt="{iptc}">
   <TC260:AIGC>{value}</TC260:AIGC>
   <Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""

_NOT_IN_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What JSON leaves as it is and XML 1.0 cannot hold."""


def ai_label(produce_id: str, producer: str) -> bytes:
    """An XMP packet, UTF-8, that says: made with AI, by whom, and under what number.

    The same arguments give the same bytes: neither the time nor anything about the photo is in it.

    Args:
        produce_id: the producer's number for this result. Any text is carried safely, but JPEG holds no packet above
            65,504 bytes.
        producer: name or code of the service provider.
    """
    fields = {
        "Label": _CERTAIN,
        "ContentProducer": producer,
        "ProduceID": produce_id,
        "ReservedCode1": "",
        "ContentPropagator": "",  # whoever passes the result on fills in these two
        "PropagateID": "",
        "ReservedCode2": "",
    }
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    text = _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    packet = _PACKET.format(
        tc260=TC260_NAMESPACE, iptc=IPTC_NAMESPACE, source_type=SOURCE_TYPE, value=html.escape(text, quote=False)
    )
    return packet.encode()
