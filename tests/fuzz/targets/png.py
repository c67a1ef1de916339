"""The PNG writer against OpenCV's reader: ``<channels><width><height><values>``."""

from __future__ import annotations

import cv2
import numpy as np

from ensemble.photo import UInt16
from ensemble.png import write_png

_ORDER = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
"""OpenCV's order of channels; of gray with alpha it makes four."""


def seeds() -> list[bytes]:
    ramp = bytes(range(256)) * 4
    return [bytes([channels, 5, 7]) + ramp for channels in range(4)] + [bytes([2, 0, 0]), bytes([3, 200, 1]) + ramp]


def check(data: bytes) -> None:
    head = data[:3].ljust(3, b"\0")
    channels, width, height = (1, 2, 3, 4)[head[0] % 4], 1 + head[1], 1 + head[2] % 32
    count = width * height * channels
    values = np.resize(np.frombuffer(data[3:] + b"\0", np.uint8), 2 * count).view("<u2")
    picture: UInt16 = values.astype(np.uint16).reshape(height, width, channels)
    encoded = write_png(width, height, channels, lambda top, bottom: picture[top:bottom])
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if channels == 2:
        assert (decoded[..., 3] == picture[..., 1]).all()
        assert (decoded[..., :3] == picture[..., :1]).all()
    else:
        assert (decoded.reshape(height, width, channels) == picture[..., _ORDER[channels]]).all()
