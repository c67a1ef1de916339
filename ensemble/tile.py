"""Tiles: how a picture of any size is cut for a network of fixed input size, and put together again.

Tiles overlap by ``2 * margin``; of each, only what lies at least ``margin`` from an inner border is used, so every
pixel that is kept has seen its surroundings (upstream's ``tile_pad``, ``RealESRGANer.tile_process``). Unlike upstream
all tiles have one size: fixed shapes are faster and share batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ensemble.photo import UInt8


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
    """The rules of cutting: ``size`` is the network's input side, ``margin`` the context kept around what is used."""

    size: int
    margin: int

    def __post_init__(self) -> None:
        if self.margin < 0 or self.size <= 2 * self.margin:
            raise ValueError(f"a tile of {self.size} px leaves nothing inside a margin of {self.margin} px")

    def spans(self, length: int) -> list[Span]:
        """Tiles along an axis of ``length`` pixels: fewest possible, spread evenly, kept parts side by side."""
        if length <= self.size:
            return [Span(0, 0, length)]
        step = self.size - 2 * self.margin
        count = -(-(length - 2 * self.margin) // step)
        starts = [index * (length - self.size) // (count - 1) for index in range(count)]
        cuts = [0, *((left + self.size + right) // 2 for left, right in itertools.pairwise(starts)), length]
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
        """The tile's input: uint8 [size, size, 3], mirrored outward where the picture is smaller than a tile."""
        height, width = pixels.shape[:2]
        top, left = tile.rows.start, tile.columns.start
        part = pixels[top : top + self.size, left : left + self.size]
        missing = (max(0, self.size - height), max(0, self.size - width))
        if missing == (0, 0):
            return np.ascontiguousarray(part)
        return np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
