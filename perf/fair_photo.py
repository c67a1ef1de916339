"""The photo that fairness and overhead are measured with: NASA's portrait of Eileen Collins, and a form around it."""

from __future__ import annotations

import io
from collections.abc import Mapping

import httpx
from PIL import Image
from skimage import data

_HEAD_AND_SHOULDERS = (70, 0, 380, 400)
_QUALITY = 90


def portrait(width: int, height: int) -> bytes:
    """One face, as a JPEG of ``width`` by ``height`` pixels."""
    encoded = io.BytesIO()
    picture = Image.fromarray(data.astronaut()).crop(_HEAD_AND_SHOULDERS)  # type: ignore[no-untyped-call]
    picture.resize((width, height), Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()


def multipart(photo: bytes, options: Mapping[str, str]) -> tuple[bytes, str]:
    """The body of an upload, made once so that sending it costs no more than its bytes; and the type of the content."""
    form = httpx.Request("POST", "http://127.0.0.1", files={"file": ("portrait.jpg", photo)}, data=dict(options))
    return form.read(), form.headers["content-type"]
