"""How fine the detail of a picture is: two witnesses, and the less favourable one is believed.

*Edges*: how wide the strongest ones are, from their rise and their steepest slope. A slope counts only as far as it
stands out of the picture's own noise, and a halo belongs to the rise of its edge.
*Bands*: up to which frequency the picture goes on with the contrast that it has below.

Sharpening makes edges steeper, but multiplies only what a blur has left in a band, which is next to nothing in the
finest ones. Noise fills these, but makes no edge stand out. So neither passes both.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ensemble.photo import Float32, UInt8

FULL_DETAIL = 1024
"""Effective pixels on the longer side from which a photo's score is 1."""

_FRAME_SIDE = 2 * FULL_DETAIL
_ENLARGED = 4
"""A photo is looked at with this many times its pixels, at most: what is as sharp as pixels show it needs room."""

_MIN_SIDE = 32
"""Pixels below which a picture shows no edge whole; its detail counts as 0."""

_TILE = 256
_TILES = 16

_SHARP_EDGE = 0.66
"""Standard deviation, in pixels, of the blur of an edge that is as sharp as pixels show it."""

_SHARP_BAND = 0.6
"""Cycles a pixel that a picture goes up to that is so: above 0.5, for diagonals hold more."""

_PIXEL_BLUR = 0.65
"""What slopes taken between interpolated pixels add to that, in quadrature."""

_BLOCK = 8
_REACH = 32
"""Pixels that an edge is followed to either side."""

_ASIDE = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Where the lines lie, in pixels along an edge, whose mean is its profile."""

_STRONGEST = 0.25
_FLATTEST = 0.1
_NOISE_MARGIN = 2.0
_MIN_EDGES = 8
_MIN_RISE = 8.0

_BANDS = 26
_LOWEST, _REFERENCE = 1 / 64, 1 / 24
"""Cycles a pixel: where bands begin, and below which they say how much contrast there is."""

_LOST = 0.1
"""Part of that contrast below which a band counts as empty."""


def sharpness_score(pixels: UInt8) -> float:
    """The effective resolution of a photo: 0..1, where 1 is detail for 1024 pixels on the longer side, or more.

    The 16 tiles with most contrast are looked at, and the sharper quarter of them decides: a blurred background does
    not count against a sharp subject. Enlarging alone changes nothing; 0 where nothing is seen.

    Args:
        pixels: uint8 [H, W, 3], RGB.
    """
    longest = max(pixels.shape[:2])
    if min(pixels.shape[:2]) < 1:
        return 0.0
    luma = _framed(pixels)
    share = float(np.percentile([resolved_share(tile) for tile in _busiest_tiles(luma)], 75))
    return min(share * max(luma.shape), longest, FULL_DETAIL) / FULL_DETAIL


def resolved_share(luma: UInt8) -> float:
    """How much of what its pixels could show a picture shows, along a line: 0..1.

    1 where the finest detail is as fine as pixels allow, 0.25 where a quarter of the pixels a side would hold the
    same, 0 where there are no edges.

    Args:
        luma: uint8 [H, W].
    """
    if min(luma.shape) < _MIN_SIDE:
        return 0.0
    picture = luma.astype(np.float32)
    width = edge_width(picture)
    if width is None:
        return 0.0
    by_edges, by_bands = _SHARP_EDGE / width, band_limit(picture) / _SHARP_BAND
    halos = math.sqrt(min(1.0, by_bands / by_edges))  # edges steeper than their bands allow are contrast, not detail
    return min(1.0, by_edges, by_bands) * halos


def edge_width(picture: Float32) -> float | None:
    """Blur of the strongest edges of luma float32 [H, W]: standard deviation in pixels; None where there are none."""
    gradient = _Gradient(picture)
    strongest, flattest = gradient.strongest(), gradient.flattest()
    slopes_of_noise = np.diff(gradient.profiles(flattest, _BLOCK // 2), axis=1)
    noise = float(np.sqrt(np.median(np.var(slopes_of_noise, axis=1))))
    rises, slopes = _rises_and_slopes(gradient.profiles(strongest, _REACH))
    sure = slopes - _NOISE_MARGIN * noise
    kept = (sure > 0.15 * slopes) & (rises > _MIN_RISE)
    if np.count_nonzero(kept) < _MIN_EDGES:
        return None
    widths = rises[kept] / (sure[kept] * math.sqrt(2 * math.pi))
    widths = np.sqrt(np.maximum(widths**2 - _PIXEL_BLUR**2, 0.3**2))
    order = np.argsort(widths, kind="stable")
    weight = np.cumsum(rises[kept][order] ** 2)  # an edge of noise or of a JPEG block is low
    return float(widths[order][np.searchsorted(weight, weight[-1] / 2)])


def band_limit(picture: Float32) -> float:
    """Frequency above which luma float32 [H, W] holds nothing: cycles a pixel, up to 0.6.

    Amplitudes of natural pictures, and of edges, fall as 1 / frequency; multiplied by the frequency they are level,
    until blur takes them.
    """
    height, width = picture.shape
    window, bands, frequencies, counts = _radial_bands(height, width)
    spectrum = cv2.dft((picture - picture.mean()) * window, flags=cv2.DFT_COMPLEX_OUTPUT)
    power = np.square(spectrum[:, : width // 2 + 1])
    power = power[..., 0] + power[..., 1]  # a sum over an axis of two takes 16 times as long
    level = np.sqrt(np.bincount(bands, power.ravel(), _BANDS + 2)[1:-1] / counts) * frequencies
    held = np.isfinite(level)
    level, frequencies = level[held], frequencies[held]
    low = level[frequencies < _REFERENCE]
    if not low.size or low.mean() <= 0:
        return 0.0
    part = level / low.mean()
    empty = np.flatnonzero((part < _LOST) & (frequencies >= _REFERENCE))
    if not empty.size:
        return _SHARP_BAND
    after = int(empty[0])
    if after == 0 or part[after - 1] <= _LOST:
        return float(frequencies[after])
    step = math.log(part[after - 1] / _LOST) / math.log(part[after - 1] / max(part[after], 1e-9))
    return float(frequencies[after - 1] * (frequencies[after] / frequencies[after - 1]) ** step)


class _Gradient:
    """Where a picture changes, a point to each block of 8 pixels, and profiles across these points."""

    def __init__(self, picture: Float32) -> None:
        self._picture = picture
        smooth = cv2.GaussianBlur(picture, (0, 0), 2.0)
        across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
        size = np.asarray(cv2.magnitude(across, down), np.float32)
        rows, columns = (side // _BLOCK for side in picture.shape)
        blocks = size[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
        blocks = blocks.transpose(0, 2, 1, 3).reshape(rows * columns, _BLOCK**2)
        place, number = blocks.argmax(axis=1), np.arange(rows * columns)
        y = number // columns * _BLOCK + place // _BLOCK
        x = number % columns * _BLOCK + place % _BLOCK
        self._strength = size[y, x]
        floor = np.maximum(self._strength, 1e-6)
        self._points = np.stack([x, y, across[y, x] / floor, down[y, x] / floor]).astype(np.float32)
        beside = self._sample(size, number, np.array([-1.5, 1.5], np.float32))
        self._is_crest = beside.max(axis=1) <= self._strength
        self._order = np.argsort(self._strength, kind="stable")

    def strongest(self) -> npt.NDArray[np.intp]:
        """Points on the crests of the strongest edges."""
        crests: npt.NDArray[np.intp] = self._order[self._is_crest[self._order]][::-1]
        return crests[: max(1, round(_STRONGEST * len(self._order)))]

    def flattest(self) -> npt.NDArray[np.intp]:
        """Points where there is least: what changes there is noise."""
        return self._order[: max(1, round(_FLATTEST * len(self._order)))]

    def profiles(self, points: npt.NDArray[np.intp], reach: int) -> Float32:
        """Luma across each edge, rising, the mean of five lines: float32 [N, 2 * reach + 1]."""
        along = np.arange(-reach, reach + 1, dtype=np.float32)
        return self._sample(self._picture, points, along, _ASIDE)

    def _sample(
        self, values: Float32, points: npt.NDArray[np.intp], along: Float32, lines: tuple[float, ...] = (0.0,)
    ) -> Float32:
        """The mean of parallel lines across each edge: float32 [N, len(along)]."""
        x, y, right, down = self._points[:, points, None]
        columns, rows = x + along * right, y + along * down
        total = np.zeros_like(columns)
        for aside in lines:
            shifted = columns - aside * down, rows + aside * right
            total += cv2.remap(values, *shifted, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(total / len(lines), np.float32)


def _rises_and_slopes(profiles: Float32) -> tuple[Float32, Float32]:
    """Of profiles float32 [N, 65]: the rise over the whole edge, halos and all, and the steepest slope a pixel."""
    steps = np.diff(profiles, axis=1)
    slopes = np.maximum(steps[:, _REACH - 3 : _REACH + 3].max(axis=1), 1e-3)
    goes_on = cv2.blur(steps, (3, 1), borderType=cv2.BORDER_REPLICATE) > 0.05 * slopes[:, None]
    right = np.cumprod(goes_on[:, _REACH:], axis=1).sum(axis=1)
    left = np.cumprod(goes_on[:, :_REACH][:, ::-1], axis=1).sum(axis=1)
    number = np.arange(len(profiles))
    return profiles[number, _REACH + right] - profiles[number, _REACH - left], slopes


@lru_cache(maxsize=4)
def _radial_bands(
    height: int, width: int
) -> tuple[Float32, npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Hann window [H, W]; band of each frequency of its spectrum; bands' middles in cycles a pixel; their sizes."""
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    borders = np.geomspace(_LOWEST, _SHARP_BAND, _BANDS + 1)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    bands = np.digitize(radius, borders).ravel()
    counts = np.bincount(bands, minlength=_BANDS + 2)[1:-1].astype(np.float64)
    counts[counts == 0] = np.nan
    return window, bands, np.sqrt(borders[1:] * borders[:-1]), counts


def _framed(pixels: UInt8) -> UInt8:
    """Luma uint8 of a photo at the size at which it is looked at."""
    factor = min(_ENLARGED, _FRAME_SIDE / max(pixels.shape[:2]))
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(cv2.cvtColor(cv2.resize(pixels, (width, height), interpolation=how), cv2.COLOR_RGB2GRAY))


def _busiest_tiles(luma: UInt8) -> list[UInt8]:
    """The 16 tiles of luma uint8 [H, W] with most contrast; the last of a row or column overlaps its neighbour."""
    tops, lefts = (_starts(side) for side in luma.shape)
    tiles = [luma[top : top + _TILE, left : left + _TILE] for top in tops for left in lefts]
    return sorted(tiles, key=_contrast, reverse=True)[:_TILES]


def _starts(side: int) -> list[int]:
    return [*range(0, max(1, side - _TILE), _TILE), side - _TILE] if side > _TILE else [0]


def _contrast(tile: UInt8) -> float:
    """Mean size of the gradient at half the resolution, where noise is less."""
    half = cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) if min(tile.shape) > 1 else tile
    across, down = (cv2.Sobel(half, cv2.CV_16S, *order, ksize=3) for order in ((1, 0), (0, 1)))
    return float(np.abs(across).mean() + np.abs(down).mean())
