"""Two formats in one file, and others under a photo's first bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.ensemble.files import PNG_SIGNATURE, chunk, segment
from tests.fuzz.corpus.bases import picture, save
from tests.fuzz.corpus.case import Case
from tests.gateway.archives.making import rar_of, zip_of


def cases() -> Iterator[Case]:
    files = {name: save(picture(), name) for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}
    files["ZIP"] = bytes(zip_of([("a.jpg", files["JPEG"])]))
    files["RAR"] = bytes(rar_of([("a.jpg", files["JPEG"])]))
    files["HTML"] = b"<html><script>alert(1)</script></html>"
    for first, second in itertools.permutations(files, 2):
        yield Case(f"{second} behind {first}", files[first] + files[second])
    for name, data in files.items():
        yield Case(f"{name} in a comment of a JPEG", files["JPEG"][:2] + segment(0xFE, data) + files["JPEG"][2:])
        yield Case(f"{name} in a chunk of a PNG", files["PNG"][:33] + chunk(b"prIv", data) + files["PNG"][33:])
        yield Case(f"{name} under a JPEG's first bytes", b"\xff\xd8\xff\xe0" + data)
        yield Case(f"{name} under a PNG's first bytes", PNG_SIGNATURE + data)
        yield Case(f"{name} under a WebP's first bytes", b"RIFF\xff\xff\0\0WEBP" + data)
    for text in (
        b"",
        b"\0",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        PNG_SIGNATURE,
        b"RIFF",
        b"RIFF\0\0\0\0WEBP",
        b"x" * 1000,
    ):
        yield Case(f"only {text[:16]!r}", text)
