"""``upscale_background``: BLS step that enlarges the picture, tile by tile.

Tiles go to the network a few at a time, so that memory stays bounded and tiles of other photos come in between;
between two of them the step looks whether anybody still waits. Tiles that a restored face may cover are left to
``compose_image``, which knows the faces; here they are enlarged by Lanczos alone.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Any

import numpy as np

from ensemble.align import ways_of
from ensemble.backgrounds import BackgroundNetwork, Budget
from ensemble.cover import kept_region, may_be_covered
from ensemble.detect import numbers_to_restore
from ensemble.photo import UInt8
from ensemble.tile import Tile, TileGrid
from ensemble.upscale import place_tile, resize_lanczos
from limner.options import Options
from model_repository.bounded import run_bounded
from model_repository.branches import BranchModel
from model_repository.calls import ask
from model_repository.choices import Choices
from model_repository.step_model import (
    Array,
    Caller,
    Stopwatch,
    json_tensor,
    read_options,
    tensor,
)


class TritonPythonModel(BranchModel):
    facts = "UPSCALING"
    nothing = MappingProxyType(
        {"UPSCALED": np.zeros((0, 0, 3), np.uint8), "LEFT_TILES": np.zeros((0, 0, 0, 3), np.uint8)}
    )

    def prepare(self) -> None:
        budget = Budget(int(self.parameters["auto_max_pixels"]), int(self.parameters["auto_max_pixels_int8"]))
        self.choices = Choices(self.load_catalog(), budget)
        self.tiles = {
            "max_pixels": int(self.parameters["tile_max_pixels"]),
            "max_size": int(self.parameters["tile_max_size"]),
            "margin": int(self.parameters["tile_margin"]),
        }
        self.in_flight = int(self.parameters["tiles_in_flight"])

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch = Stopwatch()
        options, pixels = read_options(request), tensor(request, "PIXELS")
        choice = self.choices.background(options, pixels.shape[0] * pixels.shape[1])
        left: list[tuple[int, UInt8]] = []
        facts: dict[str, object] = {"model": {"name": "lanczos", "reason": choice.reason}, "tiles": None}
        if choice.network is None:
            caller.refuse_if_gone()
            # A second for the largest result, in which tiles of other photos would wait.
            upscaled = await asyncio.to_thread(resize_lanczos, pixels, options.scale)
        else:
            grid = TileGrid.fitted(*pixels.shape[:2], **self.tiles, multiple=choice.network.multiple)
            ways = self._ways_of_faces(options, tensor(request, "FACES"), pixels)
            upscaled, left = await self._upscale(caller, pixels, choice.network, grid, options.scale, ways)
            facts = {
                "model": self.choices.backgrounds[choice.network.model].summary(),
                "tiles": {
                    "network": choice.network.model,
                    "network_scale": choice.network.scale,
                    "grid": [grid.max_size, grid.margin, grid.min_size, grid.multiple],
                    "total": grid.count(*pixels.shape[:2]),
                    "left": [number for number, _ in left],
                },
            }
        return {
            "UPSCALED": upscaled,
            "LEFT_TILES": np.stack([tile for _, tile in left]) if left else np.zeros((0, 0, 0, 3), np.uint8),
            "UPSCALING": json_tensor(facts | {"milliseconds": watch.milliseconds}),
        }

    def _ways_of_faces(self, options: Options, found: Array, pixels: UInt8) -> list[Array]:
        """Where restored faces will go; none where no face will be restored."""
        if options.restorer == "none" or not self.choices.restorers:
            return []
        numbers = numbers_to_restore(found, pixels.shape[1], pixels.shape[0], only_center_face=options.only_center_face)
        return list(ways_of(found[numbers, 5:], options.scale).values())

    async def _upscale(
        self,
        caller: Caller,
        pixels: UInt8,
        network: BackgroundNetwork,
        grid: TileGrid,
        scale: int,
        ways: list[Array],
    ) -> tuple[UInt8, list[tuple[int, UInt8]]]:
        """The enlarged photo; and the tiles, with their numbers, that faces may cover."""
        height, width = pixels.shape[:2]
        canvas = np.empty((height * scale, width * scale, 3), np.uint8)
        left: list[tuple[int, UInt8]] = []

        async def upscale_tile(numbered: tuple[int, Tile]) -> None:
            number, tile = numbered
            part = grid.cut(pixels, tile)
            if may_be_covered(kept_region(tile, scale), ways):
                left.append((number, part))
                place_tile(canvas, tile, part, grid, 1, scale)
            else:
                upscaled = await ask(network.model, {"TILE": part[None]}, "UPSCALED")
                place_tile(canvas, tile, upscaled[0], grid, network.scale, scale)

        await run_bounded(upscale_tile, enumerate(grid.tiles(height, width)), self.in_flight, caller)
        return canvas, left
