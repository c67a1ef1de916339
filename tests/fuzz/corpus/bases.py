"""Good photos of every kind that decoders treat differently, small enough to be cut at every place."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.ensemble.files import cmyk_profile, noise, png, rgb_profile
from tests.fuzz.corpus.case import Case
from tests.fuzz.corpus.png_parts import adam7

SIZE = (24, 17)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def cases() -> Iterator[Case]:
    yield from bases()


@functools.cache
def bases() -> tuple[Case, ...]:
    """Every one decodes."""
    return tuple(Case(f"good {name}", data) for name, data in (*_jpegs(), *_pngs(), *_webps()))


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """A ramp with a little noise, the same each time."""
    ramp = np.asarray(Image.linear_gradient("L").resize(size), np.int16)[..., None]
    values = np.clip(ramp + noise(1, size[1], size[0], 3).astype(np.int16) // 8 - 16, 0, 255).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def exif() -> bytes:
    """Orientation, a description, GPS."""
    data = Image.Exif()
    data[0x0112], data[0x010E] = 6, "words"
    data.get_ifd(0x8825)[0x001D] = "2020:01:01"
    return data.tobytes()


def gray_profile() -> bytes:
    """The colour profile of gray pictures, as far as it matters here."""
    return rgb_profile()[:16] + b"GRAY" + rgb_profile()[20:]


def save(image: Image.Image, file_format: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    all_metadata = {"exif": exif(), "icc_profile": rgb_profile(), "xmp": XMP, "comment": b"words"}
    yield "jpeg", save(picture(), "JPEG")
    yield "jpeg with metadata", save(picture(), "JPEG", **all_metadata)
    yield "progressive jpeg", save(picture(), "JPEG", progressive=True)
    yield "gray jpeg", save(picture("L"), "JPEG", icc_profile=gray_profile())
    yield "cmyk jpeg", save(picture("CMYK"), "JPEG", icc_profile=cmyk_profile())
    yield "jpeg with restarts", save(picture(), "JPEG", restart_marker_blocks=1, subsampling=0)


def _pngs() -> Iterator[tuple[str, bytes]]:
    words = PngInfo()
    words.add_text("Comment", "words", zip=True)
    words.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    yield "png", save(picture(), "PNG")
    yield (
        "png with metadata",
        save(picture(), "PNG", exif=exif(), icc_profile=rgb_profile(), pnginfo=words, dpi=(72, 72)),
    )
    yield "palette png", save(picture().quantize(16), "PNG", transparency=bytes(range(0, 256, 16)))
    yield "one-bit png", save(picture("1"), "PNG")
    yield "gray png", save(picture("LA"), "PNG", icc_profile=gray_profile())
    yield "16-bit png", png(noise(3, 9, 7, 3, dtype=np.uint16))
    yield "16-bit gray png with alpha", png(noise(4, 9, 7, 2, dtype=np.uint16))
    yield "interlaced png", adam7(picture().tobytes(), *SIZE)
    frames = [picture().rotate(angle) for angle in (0, 90, 180)]
    yield "animated png", save(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=40)


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "lossy webp", save(picture(), "WEBP")
    yield "lossless webp", save(picture(), "WEBP", lossless=True)
    yield "webp with alpha", save(picture("RGBA"), "WEBP", quality=40)
    rgba = picture("RGBA")
    rgba.putalpha(picture("L"))
    yield "webp with metadata", save(rgba, "WEBP", exif=exif(), icc_profile=rgb_profile(), xmp=XMP)
    frames = [picture().rotate(angle) for angle in (0, 90, 180)]
    yield "animated webp", save(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40)
