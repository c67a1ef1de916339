"""Working colour profiles that differ visibly from sRGB, and what a picture looks like under its own."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, ImageCms

from ensemble.photo import UInt8

_WHITE = (0.9642, 1.0, 0.8249)
"""D50, the white of the profile connection space."""


def wide_profile() -> bytes:
    """ProPhoto's primaries and tone curve, after ICC.1:2001-04."""
    curve = _curve(1.8)
    primaries = {b"rXYZ": (0.7977, 0.288, 0.0), b"gXYZ": (0.1352, 0.7119, 0.0), b"bXYZ": (0.0313, 0.0001, 0.8249)}
    tags = {name: _xyz(primary) for name, primary in primaries.items()}
    return _profile(b"RGB ", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def gray_profile() -> bytes:
    """Gray whose values are proportional to light."""
    return _profile(b"GRAY", {b"kTRC": _curve(1.0)})


def as_seen(image: Image.Image) -> UInt8:
    """uint8 [H, W, 3], sRGB: a picture of 8 bits under the profile that it carries, alpha left out."""
    profile = image.info.get("icc_profile")
    opaque = image.convert("L" if image.mode in {"L", "LA"} else "RGB")
    if profile is None:
        return np.asarray(opaque.convert("RGB"))
    source, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(opaque, source, screen, outputMode="RGB")
    assert converted is not None
    return np.asarray(converted)


def _profile(colour_space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(80), b"wtpt": _xyz(_WHITE)} | tags
    start = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(bodies), len(tag))
        bodies += tag.ljust(-(-len(tag) // 4) * 4, b"\0")
    size = start + len(bodies)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", colour_space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + _xyz(_WHITE)[8:]
    return header.ljust(128, b"\0") + table + bodies


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
