"""The client's reading of one answer: ``<type>LF<disposition>LF<report or request id>LF<body>``."""

from __future__ import annotations

from contextlib import suppress

import httpx

from limner.client.answers import read_catalog, read_photo, read_problem
from limner.errors import LimnerError

PROBLEM = b'{"type":"urn:limner:problem:gone","title":"Gone","status":410,"detail":"It is gone.","request_id":"r"}'


def seeds() -> list[bytes]:
    disposition = b"inline; filename=enhanced.jpg; filename*=UTF-8''%E7%8E%8B_enhanced.jpg"
    return [
        b"image/jpeg\n" + disposition + b'\n{"faces":[]}\nbody',
        b"image/png\nattachment; filename*0*=gb18030'zh'%D5; filename*1=x\n{}\nbody",
        b'image/webp\ninline; filename="=?utf-8?b?YQ==?="\nnull\nbody',
        b"application/problem+json\n\n\n" + PROBLEM,
        b'application/json\n\n\n{"models":[]}',
    ]


def check(data: bytes) -> None:
    kind, disposition, report, body = (data + b"\n\n\n").split(b"\n", 3)
    head = [(b"content-type", kind), (b"content-disposition", disposition), (b"limner-report", report)]
    for status in (200, 301, 429, 500):
        response = httpx.Response(status, headers=[*head, (b"location", disposition)])
        assert isinstance(read_problem(response, body, 1.5), LimnerError)
        try:
            photo = read_photo(response, body, None)
        except LimnerError:
            continue
        assert "/" not in photo.filename
        assert photo.filename not in {"", ".", ".."}
        assert "\n" not in photo.filename
    with suppress(LimnerError):
        read_catalog(body)
