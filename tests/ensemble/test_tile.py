"""Tiles: the kept parts are the picture, each with its surroundings, by as few tiles as can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.tile import Span, Tile, TileGrid
from tests.ensemble.files import noise


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    margin = draw(st.integers(0, 20))
    return TileGrid(draw(st.integers(2 * margin + 1, 2 * margin + 80)), margin, min_size=1)


@given(grids(), st.integers(1, 700))
def test_kept_parts_are_the_whole_axis_without_overlap(grid: TileGrid, length: int) -> None:
    spans = grid.spans(length)
    kept = [pixel for span in spans for pixel in range(span.keep_from, span.keep_to)]
    assert kept == list(range(length))


@given(grids(), st.integers(1, 700))
def test_tiles_lie_inside_and_keep_away_from_inner_borders(grid: TileGrid, length: int) -> None:
    size = grid.tile_size(length)
    assert size <= min(grid.max_size, length)
    for span in grid.spans(length):
        assert 0 <= span.start <= length - size
        assert span.keep_from == 0 or span.keep_from >= span.start + grid.margin
        assert span.keep_to == length or span.keep_to <= span.start + size - grid.margin


@given(grids(), st.integers(1, 700))
def test_tiles_are_the_fewest_possible(grid: TileGrid, length: int) -> None:
    """``n`` tiles cover at most the inside of each and a margin at either end."""
    count = len(grid.spans(length))
    fewer = count - 1
    longest = grid.max_size if fewer == 1 else fewer * (grid.max_size - 2 * grid.margin) + 2 * grid.margin
    assert count == 1 or length > longest


@given(grids(), st.integers(1, 700))
def test_tiles_are_no_larger_than_they_must_be(grid: TileGrid, length: int) -> None:
    """Eight pixels less, and the tiles would no longer cover the axis with their margins."""
    count, smaller = len(grid.spans(length)), grid.tile_size(length) - 8
    assert count == 1 or count * smaller - 2 * grid.margin * (count - 1) < length
    assert count > 1 or grid.tile_size(length) == length


@given(grids(), st.integers(1, 200), st.integers(1, 200))
def test_tiles_of_a_picture_are_rows_times_columns(grid: TileGrid, height: int, width: int) -> None:
    tiles = list(grid.tiles(height, width))
    assert tiles == [Tile(row, column) for row in grid.spans(height) for column in grid.spans(width)]
    assert len(tiles) == grid.count(height, width)


@pytest.mark.parametrize(
    ("length", "spans"),
    [
        (1, [Span(0, 0, 1)]),
        (16, [Span(0, 0, 16)]),
        (17, [Span(0, 0, 8), Span(1, 8, 17)]),
        (28, [Span(0, 0, 14), Span(12, 14, 28)]),
        (29, [Span(0, 0, 11), Span(6, 11, 17), Span(13, 17, 29)]),
    ],
)
def test_spans_by_hand(length: int, spans: list[Span]) -> None:
    assert TileGrid(16, 2).spans(length) == spans


@pytest.mark.parametrize(("size", "margin"), [(16, 8), (16, 9), (0, 0), (16, -1)])
def test_grids_that_keep_nothing_are_refused(size: int, margin: int) -> None:
    with pytest.raises(ValueError, match=f"a tile of {size} px leaves nothing inside a margin of {margin} px"):
        TileGrid(size, margin)


@given(st.integers(1, 60), st.integers(1, 60))
def test_cut_takes_the_pixels_at_the_tiles_place(height: int, width: int) -> None:
    grid, pixels = TileGrid(24, 4), noise(1, height, width, 3)
    rows, columns = grid.tile_size(height), grid.tile_size(width)
    assert 16 <= min(rows, columns) <= max(rows, columns) <= 24
    for tile in grid.tiles(height, width):
        part = grid.cut(pixels, tile)
        assert part.shape == (rows, columns, 3)
        assert part.flags.c_contiguous
        top, left = tile.rows.start, tile.columns.start
        inside = pixels[top : top + rows, left : left + columns]
        assert (part[: inside.shape[0], : inside.shape[1]] == inside).all()


def test_cut_mirrors_a_small_picture_outward() -> None:
    pixels = noise(2, 3, 40, 3)
    grid = TileGrid(8, 1, min_size=8)
    part = grid.cut(pixels, next(grid.tiles(3, 40)))
    assert (part == pixels[[0, 1, 2, 1, 0, 1, 2, 1], :8]).all()


def test_cut_fills_a_tile_with_a_single_pixel() -> None:
    grid = TileGrid(8, 1, min_size=8)
    part = grid.cut(np.array([[[1, 2, 3]]], np.uint8), next(grid.tiles(1, 1)))
    assert (part == np.array([1, 2, 3])).all()


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 16), st.sampled_from([1, 2, 8]))
def test_a_fitted_grid_keeps_to_its_limits_and_computes_no_more_than_squares_do(
    height: int, width: int, margin: int, multiple: int
) -> None:
    grid = TileGrid.fitted(height, width, max_pixels=96 * 128, max_size=128, margin=margin, multiple=multiple)
    rows, columns = grid.tile_size(height), grid.tile_size(width)
    assert rows * columns <= 96 * 128
    assert max(rows, columns) <= 128
    assert rows % multiple == columns % multiple == 0
    assert grid.computed(height, width) == grid.count(height, width) * rows * columns
    squares = TileGrid(104, margin, multiple=multiple)
    assert grid.computed(height, width) <= squares.computed(height, width)


@pytest.mark.parametrize(
    ("height", "width", "tiles", "tile"),
    [
        (320, 248, 1, (320, 248)),
        (512, 512, 4, (272, 272)),
        (768, 1024, 12, (280, 280)),
        (292, 292, 4, (168, 168)),
    ],
)
def test_fitted_grids_by_hand(height: int, width: int, tiles: int, tile: tuple[int, int]) -> None:
    grid = TileGrid.fitted(height, width, max_pixels=81920, max_size=320, margin=16)
    assert grid.count(height, width) == tiles
    assert (grid.tile_size(height), grid.tile_size(width)) == tile
