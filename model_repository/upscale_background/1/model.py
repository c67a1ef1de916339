"""``upscale_background``: BLS step that enlarges the picture, tile by tile.

Tiles go to the network a few at a time, so that memory stays bounded and tiles of other photos come in between;
between two of them the step looks whether anybody still waits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from ensemble.photo import UInt8
from ensemble.tile import Tile, TileGrid
from ensemble.upscale import place_tile, resize_lanczos
from limner.catalog import CatalogEntry
from limner.errors import InvalidOption
from limner.options import Options
from model_repository.bounded import run_bounded
from model_repository.step_model import (
    Array,
    AsyncStepModel,
    Caller,
    Stopwatch,
    json_tensor,
    raise_failure,
    read_options,
    tensor,
)

_NETWORK = "realesrgan_x4"
"""The only one of the served background networks that this version uses."""

_NET_SCALE = 4


class TritonPythonModel(AsyncStepModel):
    def prepare(self) -> None:
        catalog = self.load_catalog()
        entries = [entry for entry in catalog.entries if entry.model == _NETWORK]
        self.network: CatalogEntry | None = next((entry for entry in entries if entry.available), None)
        self.reason = next((entry.reason for entry in entries), catalog.reason("background"))
        self.covers_aligned = bool(catalog.available("face_restorer"))
        self.grid = TileGrid(int(self.parameters["max_tile_size"]), int(self.parameters["tile_margin"]))
        self.in_flight = int(self.parameters["tiles_in_flight"])
        in_int8 = self.network is not None and self.network.precision == "int8"
        limit = self.parameters["auto_max_pixels_int8"] if in_int8 else self.parameters["auto_max_pixels"]
        self.auto_max_pixels = int(limit)

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch = Stopwatch()
        options, pixels = read_options(request), tensor(request, "PIXELS")
        network, reason = self._choose(options, pixels)
        if network is None:
            upscaled = resize_lanczos(pixels, options.scale)
            model: dict[str, object] = {"name": "lanczos", "reason": reason}
        else:
            upscaled = await self._upscale_by_tiles(caller, pixels, network.model, options.scale)
            model = network.summary()
        facts = {"model": model, "milliseconds": watch.milliseconds}
        return {"UPSCALED": upscaled, "UPSCALING": json_tensor(facts)}

    def _choose(self, options: Options, pixels: UInt8) -> tuple[CatalogEntry | None, str | None]:
        """The network to use, or None for Lanczos with the reason why."""
        if options.aligned and options.restorer != "none" and self.covers_aligned:
            return None, "The restored face covers the whole photo."
        wanted, count = options.background, pixels.shape[0] * pixels.shape[1]
        if wanted == "lanczos":
            return None, "Asked for by background=lanczos."
        if wanted == "auto":
            if self.network is not None and 0 < self.auto_max_pixels < count:
                limit = self.auto_max_pixels / 1e6
                return None, f"Over {limit:g} megapixels auto takes Lanczos here; send background=realesrgan to insist."
            return self.network, self.reason
        if self.network is None or not self.network.model.startswith(wanted):
            raise InvalidOption(
                f"background={wanted} is not available here: {self.reason or 'this version uses Real-ESRGAN x4plus.'} "
                "Send background=auto or lanczos."
            )
        return self.network, None

    async def _upscale_by_tiles(self, caller: Caller, pixels: UInt8, network: str, scale: int) -> UInt8:
        height, width = pixels.shape[:2]
        canvas = np.empty((height * scale, width * scale, 3), np.uint8)

        async def upscale_tile(tile: Tile) -> None:
            query = pb_utils.InferenceRequest(
                model_name=network,
                requested_output_names=["UPSCALED"],
                inputs=[pb_utils.Tensor("TILE", self.grid.cut(pixels, tile)[None])],
            )
            reply = await query.async_exec()
            raise_failure(reply, network)
            upscaled = pb_utils.get_output_tensor_by_name(reply, "UPSCALED").as_numpy()[0]
            place_tile(canvas, tile, upscaled, self.grid, _NET_SCALE, scale)

        await run_bounded(upscale_tile, self.grid.tiles(height, width), self.in_flight, caller)
        return canvas
