"""``compose_image``: the last step puts the result together, encodes it and writes the report.

It is a BLS step because of the tiles that ``upscale_background`` left: those that the faces do not cover after all are
enlarged now. What works on pixels runs beside the event loop; of large photos, which take memory and seconds, a few at
once, and small ones do not wait for them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np

from ensemble.colour import drain_colour
from ensemble.cover import is_covered, kept_region
from ensemble.deep import DeepCanvas
from ensemble.encode import choose_format, encode_photo, encode_png_16_bit
from ensemble.label import ai_label
from ensemble.mask import FaceMask
from ensemble.measures import measure
from ensemble.notes import face_notes, photo_notes
from ensemble.paste import RestoredFaces
from ensemble.photo import PhotoInfo, UInt8
from ensemble.report import OutputInfo, build_report, reported_faces
from ensemble.tile import Tile, TileGrid
from ensemble.upscale import place_tile, resize_alpha
from limner.options import Options
from limner.settings import get_settings
from model_repository.bounded import run_bounded
from model_repository.branches import raise_failures
from model_repository.calls import ask
from model_repository.step_model import (
    Array,
    AsyncStepModel,
    Caller,
    Stopwatch,
    read_json,
    read_options,
    tensor,
)


class TritonPythonModel(AsyncStepModel):
    def prepare(self) -> None:
        settings = get_settings()
        self.producer = settings.ai_label_producer if settings.ai_label else None
        self.in_flight = int(self.parameters["tiles_in_flight"])
        self.places = asyncio.Semaphore(int(self.parameters["large_photos_at_once"]))
        self.large = int(self.parameters["large_photo_pixels"])

    def check(self, request: Any, caller: Caller) -> None:
        """Failures of the branches first: they are why nobody waits."""
        raise_failures(read_json(request, "RESTORATION"), read_json(request, "UPSCALING"))
        super().check(request, caller)

    async def answer_async(self, request: Any, caller: Caller) -> dict[str, Array]:
        watch, options = Stopwatch(), read_options(request)
        photo, detection = read_json(request, "PHOTO"), read_json(request, "DETECTION")
        restoration, upscaling = read_json(request, "RESTORATION"), read_json(request, "UPSCALING")
        faces = RestoredFaces(
            tensor(request, "RESTORED"),
            tensor(request, "FACE_PIXELS"),
            tensor(request, "WAYS_BACK"),
            scale=options.scale,
            ends_in_square=restoration["ends_in_square"],
        )
        canvas, left = tensor(request, "UPSCALED"), tensor(request, "LEFT_TILES")
        if len(faces) or len(left) or photo["info"]["colourless"]:
            canvas = canvas.copy()
        tiles = await self._enlarge_left_tiles(caller, canvas, left, upscaling["tiles"], faces)
        by_network = bool(len(faces)) or tiles is not None
        is_large = canvas.shape[0] * canvas.shape[1] >= self.large
        async with self.places if is_large else contextlib.nullcontext():
            caller.refuse_if_gone()
            encoded, output = await asyncio.to_thread(
                self._finish, request, caller, canvas, photo, faces, options, by_network=by_network
            )
            composed = watch.milliseconds
            after = await asyncio.to_thread(
                measure, canvas, detection["faces"], options.scale, caller.refuse_if_flagged
            )
        info = PhotoInfo(**photo["info"])
        quality, reported = reported_faces(detection, restoration, after)
        report = build_report(
            info=info,
            output=output,
            faces=reported,
            quality_metrics=quality,
            models={
                "detector": detection["model"],
                "face_restorer": restoration["model"],
                "parser": restoration["parser"],
                "identity": restoration["identity"],
                "background": upscaling["model"],
            },
            tiles=tiles,
            milliseconds={
                "decode": photo["milliseconds"],
                "detect": detection["milliseconds"],
                "restore": restoration["milliseconds"],
                "upscale": upscaling["milliseconds"],
                "encode": composed,
                "measure": detection["measure_milliseconds"] + watch.milliseconds - composed,
                "total": (time.monotonic() - photo["started"]) * 1000,
            },
            options=replace(options, output_format=output.format),
            notes=[
                *photo_notes(info, options.output_format, output.format),
                *face_notes(reported, restoration["too_many"]),
            ],
        )
        return {
            "IMAGE": np.frombuffer(encoded, np.uint8),
            "REPORT": np.array([report.encode()], dtype=object),
        }

    async def _enlarge_left_tiles(
        self, caller: Caller, canvas: UInt8, left: UInt8, facts: dict[str, Any] | None, faces: RestoredFaces
    ) -> dict[str, int] | None:
        """Enlarge those that faces do not cover, in place; how many tiles there are and how many stay covered."""
        if facts is None:
            return None
        height, width = canvas.shape[:2]
        grid, scale = TileGrid(*facts["grid"]), faces.scale
        every = list(grid.tiles(height // scale, width // scale))
        masks = list(faces.masks(width, height))
        covered = 0

        async def enlarge(numbered: tuple[int, int]) -> None:
            nonlocal covered
            place, number = numbered
            tile = every[number]
            if await asyncio.to_thread(_is_under_faces, tile, masks, scale):
                covered += 1
                return
            upscaled = await ask(facts["network"], {"TILE": left[place][None]}, "UPSCALED")
            place_tile(canvas, tile, upscaled[0], grid, facts["network_scale"], scale)

        await run_bounded(enlarge, enumerate(facts["left"]), self.in_flight, caller)
        for mask in masks:
            mask.forget()
        return {"total": facts["total"], "under_faces": covered}

    def _finish(
        self,
        request: Any,
        caller: Caller,
        canvas: UInt8,
        photo: dict[str, Any],
        faces: RestoredFaces,
        options: Options,
        *,
        by_network: bool,
    ) -> tuple[bytes, OutputInfo]:
        """Paste the faces, in place, and encode; label what a network had a part in."""
        info, icc_profile = PhotoInfo(**photo["info"]), base64.b64decode(photo["icc_profile"]) or None
        alpha, fine = tensor(request, "ALPHA"), tensor(request, "FINE")
        height, width = canvas.shape[:2]
        file_format = choose_format(options.output_format, info.format, info.opaque)
        deep = bool(fine.size) and file_format == "png"
        masks: Iterable[FaceMask] = faces.masks(width, height)
        if deep:
            masks = list(masks)  # they are needed again
        faces.paste(canvas, _one_by_one(masks, caller))
        if info.colourless:
            drain_colour(canvas)
        resized_alpha = resize_alpha(alpha, width, height) if alpha.size else None
        label = None
        if by_network and self.producer is not None:
            label = ai_label(blake2b(canvas.data, digest_size=16).hexdigest(), self.producer)
        if deep:
            deep_canvas = DeepCanvas(canvas, np.zeros_like(fine) if faces.are_all else fine, options.scale, masks)
            encoded = encode_png_16_bit(deep_canvas, resized_alpha, info.gray, icc_profile, label)
        else:
            encoded = encode_photo(canvas, resized_alpha, file_format, options.quality, info.gray, icc_profile, label)
        return encoded, OutputInfo(width, height, file_format, 16 if deep else 8, len(encoded))


def _one_by_one(masks: Iterable[FaceMask], caller: Caller) -> Iterator[FaceMask]:
    """The masks, as long as somebody waits: hundreds take seconds. Of those gone by no weights are kept."""
    for mask in masks:
        caller.refuse_if_flagged()
        yield mask
        mask.forget()


def _is_under_faces(tile: Tile, masks: list[FaceMask], scale: int) -> bool:
    region = kept_region(tile, scale)
    return is_covered(region, [mask for mask in masks if not mask.region.common(region).is_empty])
