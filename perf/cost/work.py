"""What there is to do for a photo, in the quantities that cost time and memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ensemble.backgrounds import BACKGROUND_NETWORKS
from ensemble.tile import TileGrid
from perf import grids

PHOTO, NETWORK, OUTPUT, FACES = "photo_mpx", "network_mpx", "output_mpx", "faces"
QUANTITIES = (PHOTO, NETWORK, OUTPUT, FACES)
"""Megapixels of the photo, of all tiles that the network is given, and of the result; faces that are restored."""


def grid_of(model: str, height: int, width: int) -> TileGrid:
    """How the background's network ``model`` is given a photo of so many pixels."""
    (network,) = (network for network in BACKGROUND_NETWORKS if network.model == model)
    return grids.grid_of(height, width, network.multiple)


def work_of(width: int, height: int, scale: int, faces: int, tiles: int, model: str | None) -> dict[str, float]:
    """The quantities of one photo.

    Args:
        width, height: of the photo, in pixels.
        scale: of the result.
        faces: that are restored.
        tiles: that the network is given.
        model: the network; None for Lanczos.
    """
    grid = grid_of(model, height, width) if model else None
    tile = grid.tile_size(height) * grid.tile_size(width) if grid else 0
    photo = width * height / 1e6
    return {PHOTO: photo, NETWORK: tiles * tile / 1e6, OUTPUT: photo * scale**2, FACES: faces}


def work_in(report: Mapping[str, Any]) -> dict[str, float]:
    """The quantities of a photo that was enhanced, by its report."""
    source, output, tiles = report["input"], report["output"], report["tiles"]
    return work_of(
        source["width"],
        source["height"],
        output["width"] // source["width"],
        sum(face["restored"] for face in report["faces"]),
        tiles["total"] - tiles["under_faces"] if tiles else 0,
        report["models"]["background"]["name"] if tiles else None,
    )


def expected_work(width: int, height: int, scale: int, faces: int, model: str | None) -> dict[str, float]:
    """The quantities of a photo that was not sent, with no tile under a face."""
    tiles = grid_of(model, height, width).count(height, width) if model else 0
    return work_of(width, height, scale, faces, tiles, model)
