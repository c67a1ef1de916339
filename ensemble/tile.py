"""Tiles: how a picture of any size is cut for a network of fixed input size, and put together again.

Tiles overlap by ``2 * margin``; of each, only what lies at least ``margin`` from an inner border is used, so every
pixel that is kept has seen its surroundings (upstream's ``tile_pad``, ``RealESRGANer.tile_process``). All tiles of a
picture have one size, as small as covers the picture, so that little is computed twice; what bounds memory is a tile's
area, so a long picture may have long tiles.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ensemble.photo import UInt8

_STEP = 8
"""Sides of tiles are multiples of this many pixels, so that pictures of like size share a compiled shape."""


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in picture pixels: reads from ``start`` on, keeps ``keep_from`` to ``keep_to``."""

    start: int
    keep_from: int
    keep_to: int


@dataclass(frozen=True)
class Tile:
    """One tile: ``rows`` down, ``columns`` across."""

    rows: Span
    columns: Span


@dataclass(frozen=True)
class TileGrid:
    """The rules of cutting.

    Attributes:
        max_size: largest side of a tile that the network is given, in pixels.
        margin: context kept around what is used of a tile.
        min_size: smallest side that the network is given; a smaller picture is mirrored outward.
        multiple: what sides must be multiples of; what is missing is mirrored too, as ``RealESRGANer.pre_process``
            does it for x2plus.
    """

    max_size: int
    margin: int
    min_size: int = 16
    multiple: int = 1

    def __post_init__(self) -> None:
        if self.margin < 0 or self.max_size <= 2 * self.margin:
            raise ValueError(f"a tile of {self.max_size} px leaves nothing inside a margin of {self.margin} px")
        if self.min_size > self.max_size:
            raise ValueError(f"tiles of at least {self.min_size} px cannot be at most {self.max_size} px")
        if self.max_size % self.multiple:
            raise ValueError(f"tiles of {self.max_size} px are no multiple of {self.multiple} px")

    @classmethod
    def fitted(
        cls, height: int, width: int, *, max_pixels: int, max_size: int, margin: int, multiple: int = 1
    ) -> TileGrid:
        """The grid that computes the fewest pixels of a picture, margins included, and of those the one of least tiles.

        Args:
            height, width: of the picture, in pixels.
            max_pixels: largest area of a tile.
            max_size, margin, multiple: see the class.

        Raises:
            ValueError: a tile of four margins, of which half is used, is too large already.
        """
        step = math.lcm(_STEP, multiple)
        smallest = _rounded_up(max(4 * margin, cls.min_size), step)
        grids = [cls(size, margin, multiple=multiple) for size in range(smallest, max_size + 1, step)]
        fitting = [grid for grid in grids if grid.tile_size(height) * grid.tile_size(width) <= max_pixels]
        if not fitting:
            raise ValueError(f"tiles of {smallest} px exceed {max_size} px a side or {max_pixels} px in all")
        return min(fitting, key=lambda grid: (grid.computed(height, width), grid.count(height, width)))

    def computed(self, height: int, width: int) -> int:
        """Pixels that the network is given for a picture."""
        return self.count(height, width) * self.tile_size(height) * self.tile_size(width)

    def tile_size(self, length: int) -> int:
        """Side of the tiles along an axis of ``length`` pixels: as small as the fewest possible tiles can be."""
        if length <= self.max_size:
            return _rounded_up(max(length, self.min_size), self.multiple)
        count = self._count(length)
        covering = -(-(length + 2 * self.margin * (count - 1)) // count)
        return min(self.max_size, _rounded_up(covering, math.lcm(_STEP, self.multiple)))

    def _count(self, length: int) -> int:
        return -(-(length - 2 * self.margin) // (self.max_size - 2 * self.margin))

    def spans(self, length: int) -> list[Span]:
        """Tiles along an axis of ``length`` pixels: fewest possible, spread evenly, kept parts side by side."""
        if length <= self.max_size:
            return [Span(0, 0, length)]
        size, count = self.tile_size(length), self._count(length)
        starts = [index * (length - size) // (count - 1) for index in range(count)]
        cuts = [0, *((left + size + right) // 2 for left, right in itertools.pairwise(starts)), length]
        return [Span(start, cuts[index], cuts[index + 1]) for index, start in enumerate(starts)]

    def tiles(self, height: int, width: int) -> Iterator[Tile]:
        """All tiles of a picture, row by row."""
        columns = self.spans(width)
        for rows in self.spans(height):
            for column in columns:
                yield Tile(rows, column)

    def count(self, height: int, width: int) -> int:
        return len(self.spans(height)) * len(self.spans(width))

    def cut(self, pixels: UInt8, tile: Tile) -> UInt8:
        """The tile's input: uint8 [h, w, 3], mirrored outward where the picture is smaller than a tile."""
        height, width = pixels.shape[:2]
        rows, columns = self.tile_size(height), self.tile_size(width)
        part = pixels[tile.rows.start : tile.rows.start + rows, tile.columns.start : tile.columns.start + columns]
        missing = (rows - part.shape[0], columns - part.shape[1])
        if missing == (0, 0):
            return np.ascontiguousarray(part)
        return np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")


def _rounded_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
